//! The terminal: where answers and complaints go, how wide it is, who pressed Ctrl-C.

use std::ffi::c_int;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::ColorChoice;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio_util::sync::CancellationToken;

use crate::args::{Color, Globals};
use crate::engine::Progress;
use crate::exit::{Exit, Failure};
use crate::render::Layout;
use crate::render::screen::visible;
use crate::render::style::CAUTION;

const WIDTH_OF_A_PIPE: usize = 100;
const NARROWEST: usize = 60;
/// Longer rows are hard to read.
const WIDEST_PROSE: usize = 200;

/// What a SIGHUP does.
pub(crate) type Renewal = Box<dyn Fn() + Send>;

#[derive(Clone, Debug)]
pub(crate) struct Console {
    pub(crate) layout: Layout,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    interrupted: Arc<AtomicBool>,
}

impl Console {
    pub(crate) fn new(globals: &Globals) -> Self {
        match globals.color {
            Color::Auto => {}
            Color::Always => ColorChoice::AlwaysAnsi.write_global(),
            Color::Never => ColorChoice::Never.write_global(),
        }
        let terminal = terminal_size::terminal_size_of(io::stdout());
        let width = terminal.map_or(WIDTH_OF_A_PIPE, |(width, _)| usize::from(width.0));
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let layout = Layout {
            width: width.clamp(NARROWEST, WIDEST_PROSE),
            terminal: terminal.is_some(),
            ascii: globals.ascii || dumb,
        };
        Self { layout, json: globals.json, quiet: globals.quiet, interrupted: Arc::default() }
    }

    /// An answer, to standard output.
    pub(crate) fn answer(&self, text: &str) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// A remark, to standard error.
    pub(crate) fn remark(&self, text: &str) {
        if !self.quiet {
            // Nobody is left to be told when standard error is gone.
            drop(anstream::stderr().lock().write_all(text.as_bytes()));
        }
    }

    /// Something went wrong on the way to an answer.
    pub(crate) fn warn(&self, text: &str) {
        let style = CAUTION.bold();
        self.remark(&format!("{style}warning:{style:#} {}\n", visible(text)));
    }

    /// The end of a command that found no answer.
    pub(crate) fn report(&self, failure: &Failure) -> Exit {
        if failure.is_broken_pipe() {
            return Exit::Answered;
        }
        drop(write!(anstream::stderr().lock(), "{failure}"));
        failure.exit
    }

    /// From here on the first Ctrl-C or SIGTERM asks work to stop at the next good place, and the second ends the program. The store
    /// is whole at every moment; what is asked for is that temporary folders go too.
    pub(crate) fn watch_for_interrupts(&self) {
        self.cancel_when_interrupted(&CancellationToken::new());
    }

    /// The same for work that is stopped by a token.
    pub(crate) fn cancel_when_interrupted(&self, stop: &CancellationToken) {
        self.on_signals(&[SIGINT, SIGTERM], stop, None);
    }

    /// The same; and SIGHUP asks for a fresh start.
    pub(crate) fn cancel_or_renew(&self, stop: &CancellationToken, renew: Renewal) {
        self.on_signals(&[SIGINT, SIGTERM, SIGHUP], stop, Some(renew));
    }

    fn on_signals(&self, signals: &[c_int], stop: &CancellationToken, renew: Option<Renewal>) {
        let (interrupted, stop) = (Arc::clone(&self.interrupted), stop.clone());
        // Without a handler a signal ends the program at once, which does no harm either.
        let Ok(mut signals) = Signals::new(signals) else { return };
        std::thread::spawn(move || {
            for signal in &mut signals {
                if signal == SIGHUP {
                    renew.iter().for_each(|renew| renew());
                    continue;
                }
                stop.cancel();
                if interrupted.swap(true, Ordering::Relaxed) {
                    std::process::exit(Exit::Interrupted as i32);
                }
            }
        });
    }

    fn control(&self) -> ControlFlow<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// A bar on standard error, when that is a terminal; what it returns is told how far the work is, and tells whether
    /// to go on.
    pub(crate) fn progress(&self) -> (Bar, impl FnMut(&Progress<'_>) -> ControlFlow<()>) {
        let bar = ProgressBar::new(0);
        let hidden = self.quiet || !io::stderr().is_terminal();
        bar.set_draw_target(if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        let template = if self.layout.ascii {
            "reading {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {wide_msg}"
        } else {
            "reading {bar:30.cyan} {bytes}/{total_bytes} {bytes_per_sec} {wide_msg:.dim}"
        };
        let style = ProgressStyle::with_template(template).expect("the template is a constant");
        bar.set_style(style.progress_chars(self.layout.sign("█▉▊▋▌▍▎▏ ", "=> ")));
        let (shown, console) = (bar.clone(), self.clone());
        let advance = move |progress: &Progress<'_>| {
            shown.set_length(progress.bytes_total.max(progress.bytes));
            shown.set_position(progress.bytes);
            shown.set_message(visible(progress.path).into_owned());
            console.control()
        };
        (Bar(bar), advance)
    }
}

impl Console {
    /// The same for a look at files: how many there are, how many were looked at, and the next one.
    pub(crate) fn checking(&self) -> (Bar, impl FnMut(u64, u64, &Path)) {
        let bar = ProgressBar::new(0);
        let hidden = self.quiet || !io::stderr().is_terminal();
        bar.set_draw_target(if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        let template = if self.layout.ascii {
            "checking {bar:30} {pos}/{len} {wide_msg}"
        } else {
            "checking {bar:30.cyan} {pos}/{len} {wide_msg:.dim}"
        };
        let style = ProgressStyle::with_template(template).expect("the template is a constant");
        bar.set_style(style.progress_chars(self.layout.sign("█▉▊▋▌▍▎▏ ", "=> ")));
        let shown = bar.clone();
        let advance = move |all: u64, seen: u64, path: &Path| {
            shown.set_length(all.max(seen));
            shown.set_position(seen);
            shown.set_message(visible(&path.to_string_lossy()).into_owned());
        };
        (Bar(bar), advance)
    }
}

/// Leaves the terminal clean, however the work ended.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

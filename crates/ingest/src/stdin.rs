//! Lines from a pipe, until it ends.

use std::io::{self, Read};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::delivery::{hand_over, stream_delivery};
use crate::line_splitter::{LineSplitter, Piece};
use crate::{Delivery, LiveSource, ReadError, Settings};

/// The standard input, or another pipe.
pub struct Stdin {
    from: Box<dyn Read + Send>,
    settings: Settings,
    name: String,
}

impl Stdin {
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::from_reader(Box::new(io::stdin()), settings)
    }

    #[must_use]
    pub fn from_reader(from: Box<dyn Read + Send>, settings: Settings) -> Self {
        Self { from, settings, name: "stdin".to_owned() }
    }
}

impl LiveSource for Stdin {
    async fn run(self, out: mpsc::Sender<Delivery>, stop: CancellationToken) -> Result<(), ReadError> {
        let Self { from, settings, name } = self;
        let (read, mut batches) = mpsc::channel(1);
        // Nothing interrupts the reading of a terminal: this thread ends with its input, or with the program.
        std::thread::spawn(move || read_all(from, &settings, &read));
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = out.closed() => return Ok(()),
                batch = batches.recv() => batch,
            };
            let Some(batch) = batch else { return Ok(()) };
            let lines = batch.map_err(|source| ReadError::read(&name, 0, source))?;
            let delivery = stream_delivery(name.clone(), None, Vec::new(), lines);
            if !hand_over(&out, delivery, &stop).await {
                return Ok(());
            }
        }
    }
}

fn read_all(mut from: Box<dyn Read + Send>, settings: &Settings, out: &mpsc::Sender<io::Result<Vec<Piece>>>) {
    let mut splitter = LineSplitter::new(settings.max_line);
    let mut buffer = vec![0; settings.batch_bytes.max(1)];
    loop {
        let bytes = match from.read(&mut buffer) {
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                // Whoever waited for it may be gone.
                out.blocking_send(Err(error)).ok();
                return;
            }
        };
        let at_end = bytes.is_empty();
        let mut lines = split(&mut splitter, bytes);
        if at_end {
            lines.extend(splitter.finish());
        }
        while !lines.is_empty() {
            let rest = lines.split_off(lines.len().min(settings.batch_lines.max(1)));
            if out.blocking_send(Ok(lines)).is_err() {
                return;
            }
            lines = rest;
        }
        if at_end {
            return;
        }
    }
}

fn split(splitter: &mut LineSplitter, mut bytes: &[u8]) -> Vec<Piece> {
    let mut lines = Vec::new();
    while !bytes.is_empty() {
        let (taken, line) = splitter.push(bytes);
        lines.extend(line);
        bytes = bytes.get(taken..).unwrap_or_default();
    }
    lines
}

impl std::fmt::Debug for Stdin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Stdin").field("name", &self.name).finish_non_exhaustive()
    }
}

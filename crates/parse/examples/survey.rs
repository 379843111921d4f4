//! Reads all files below a folder and tells how well they are understood, and how fast:
//! `cargo run --release --example survey -- FOLDER [sample]`; with `sample`, shows lines of no format.
#![expect(clippy::print_stdout, reason = "it is a report")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use model::{Annotation, Line, Source};
use parse::{Annotator, Knowledge, Zone};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(Knowledge::embedded);

#[derive(Default)]
struct Survey {
    bytes: usize,
    annotating: Duration,
    deriving: Duration,
    events: usize,
    masked: usize,
    lines: BTreeMap<&'static str, usize>,
    defects: BTreeMap<&'static str, usize>,
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_default();
    let show = arguments.next().is_some();
    let mut files = Vec::new();
    collect(Path::new(&folder), &mut files)?;
    let mut survey = Survey::default();
    for file in files {
        survey.read(&std::fs::read(&file)?, &file, show);
    }
    let rate = |time: Duration| survey.bytes as f64 / 1e6 / time.as_secs_f64();
    println!("{} MB, {} events, {} lines masked", survey.bytes / 1_000_000, survey.events, survey.masked);
    println!("annotate {:.0} MB/s, event {:.0} MB/s", rate(survey.annotating), rate(survey.deriving));
    println!("lines {:?}\ndefects {:?}", survey.lines, survey.defects);
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    files.sort();
    Ok(())
}

impl Survey {
    fn read(&mut self, bytes: &[u8], file: &Path, show: bool) {
        self.bytes += bytes.len();
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let numbered = (1..).zip(bytes.split(|byte| *byte == b'\n'));
        let mut lines: Vec<Line> =
            numbered.map(|(number, text)| Line { number, text: text.to_vec() }).collect();
        let unmasked = lines.clone();
        let mut annotator = Annotator::new(Zone::UTC);
        let start = Instant::now();
        let annotations: Vec<Annotation> = lines.iter_mut().map(|line| annotator.annotate(line)).collect();
        self.annotating += start.elapsed();

        for (before, after) in unmasked.iter().zip(&lines).filter(|(before, after)| before != after) {
            self.masked += 1;
            if show {
                println!(
                    "masked {}",
                    String::from_utf8_lossy(&before.text).chars().take(400).collect::<String>()
                );
                println!(
                    "    as {}",
                    String::from_utf8_lossy(&after.text).chars().take(400).collect::<String>()
                );
            }
        }

        let mut groups: BTreeMap<u64, (Vec<Line>, &Annotation)> = BTreeMap::new();
        for (line, annotation) in lines.into_iter().zip(&annotations) {
            *self.lines.entry(annotation.format).or_default() += 1;
            if let Some(defect) = &annotation.defect {
                *self.defects.entry(defect.name()).or_default() += 1;
                if show {
                    let text = String::from_utf8_lossy(&line.text);
                    println!(
                        "{}:{} {} {}",
                        file.display(),
                        line.number,
                        defect.name(),
                        text.chars().take(150).collect::<String>()
                    );
                }
            }
            let head = annotation.continues.unwrap_or(line.number);
            groups.entry(head).or_insert_with(|| (Vec::new(), annotation)).0.push(line);
        }
        let source = Arc::new(Source::default());
        let start = Instant::now();
        for (lines, annotation) in groups.values() {
            std::hint::black_box(KNOWLEDGE.event(&source, lines, annotation));
        }
        self.deriving += start.elapsed();
        self.events += groups.len();
    }
}

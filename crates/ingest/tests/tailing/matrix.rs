//! One test for each thing that is known to have made some shipper of logs lose or double lines.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};

use ingest::{Content, Resume, Settings, Start, discover};

use crate::site::{Site, numbers};

/// More than the first kilobyte, which tells texts apart.
fn header() -> String {
    "the same words at the beginning of every file\n".repeat(40)
}

#[test]
fn new_file_after_start() {
    let mut site = Site::new();
    site.append("a.log", "1\n2\n");
    site.step();
    site.append("b.log", "3\n");
    site.append("a.log", "4\n");
    site.append("not-asked.txt", "5\n");
    site.step();
    site.expect("1 2 4 3");
}

#[test]
fn start_at_the_beginning_and_at_the_end() {
    let mut site = Site::with(&["*.log"], |settings| settings.start = Start::End);
    site.append("a.log", "1\n2\nhal");
    site.step();
    site.expect("");
    site.commit();
    site.append("a.log", "f\n4\n");
    site.append("new.log", "5\n");
    site.crash();
    // Where it began is remembered, so that what came while it was down is not skipped.
    let checkpoint = &site.checkpoints()[0];
    assert_eq!((checkpoint.lines, checkpoint.consumed), (2, 4));
    site.tail.scan(site.now);
    let first = site.tail.read().unwrap();
    let lines: Vec<_> = first.batch.lines.iter().map(|line| (line.number, line.text.as_slice())).collect();
    assert_eq!(lines, [(3, &b"half"[..]), (4, b"4")]);
}

#[test]
fn rename_rotation_with_writes_to_both_files() {
    for patterns in [["*.log"], ["*.log*"]] {
        let mut site = Site::with(&patterns, |_| {});
        let mut old = site.open("a.log");
        old.write_all(b"1\n2\n").unwrap();
        site.step();
        site.rename("a.log", "a.log.1");
        old.write_all(b"3\n").unwrap();
        site.append("a.log", "11\n");
        site.step();
        site.append("a.log", "12\n");
        old.write_all(b"4\n").unwrap();
        site.step();
        site.expect("1 2 3 4 11 12");
        assert_eq!(site.texts(), 2);
    }
}

#[test]
fn the_old_tail_comes_before_what_follows_it() {
    let mut site = Site::with(&["*.log"], |settings| settings.lines.batch_lines = 2);
    site.append("a.log", numbers(0..4));
    site.look();
    site.read_batch();
    site.rename("a.log", "a.log.1");
    site.append("a.log", numbers(10..12));
    site.append("a.log.1", numbers(4..7));
    site.look();
    let mut order = Vec::new();
    while let Some(delivery) = site.tail.read() {
        order.extend(delivery.batch.lines.into_iter().map(|line| String::from_utf8(line.text).unwrap()));
    }
    assert_eq!(order.join(" "), "2 3 4 5 6 10 11");
}

#[test]
fn rapid_repeated_rotation() {
    let mut site = Site::new();
    site.append("a.log", "0\n");
    site.append("b.log", "1000\n");
    site.step();
    // Several rotations between two looks: the files in between have never been seen under their own name.
    for round in 1..20 {
        for _ in 0..3 {
            for file in ["a.log", "b.log"] {
                for number in (1..60).rev() {
                    let from = site.path(&format!("{file}.{number}"));
                    if from.exists() {
                        fs::rename(from, site.path(&format!("{file}.{}", number + 1))).unwrap();
                    }
                }
                site.rename(file, &format!("{file}.1"));
                site.append(file, format!("{file}-{round}\n"));
            }
        }
        site.step();
    }
    let lines = site.lines();
    assert_eq!(lines.len(), 2 + 2 * 3 * 19);
    for round in 1..20 {
        assert_eq!(lines.iter().filter(|line| **line == format!("a.log-{round}")).count(), 3, "{round}");
    }
}

#[test]
fn copytruncate_with_stale_writer() {
    for patterns in [["*.log"], ["*.log*"]] {
        let mut site = Site::with(&patterns, |_| {});
        // Not opened for appending: it writes on where it was, and leaves a hole.
        let mut writer = fs::File::create(site.path("a.log")).unwrap();
        writer.write_all(b"1\n2\n").unwrap();
        site.step();
        writer.write_all(b"3\n").unwrap();
        site.copy_truncate("a.log", "a.log.1");
        writer.write_all(b"4\n5\n").unwrap();
        site.step();
        writer.write_all(b"6\n").unwrap();
        site.wait(5);
        site.expect("1 2 3 4 5 6");
        assert_eq!(fs::read(site.path("a.log")).unwrap().first(), Some(&0));
    }
}

#[test]
fn a_hole_of_megabytes_before_the_first_line() {
    let mut site = Site::new();
    let mut writer = fs::File::create(site.path("a.log")).unwrap();
    writer.seek(SeekFrom::Start(5 << 20)).unwrap();
    writer.write_all(b"1\n2\n").unwrap();
    site.step();
    site.commit();
    site.crash();
    writer.write_all(b"3\n").unwrap();
    site.step();
    site.expect("1 2 3");
    assert!(site.cut.is_empty(), "{:?}", site.cut);
}

#[test]
fn a_copy_is_known_although_its_original_holds_something_else_by_now() {
    let mut site = Site::new();
    site.append("a.log", "1\n");
    site.step();
    site.append("a.log", "2\n");
    site.copy_truncate("a.log", "a.log.2");
    site.rename("a.log", "a.log.1");
    site.append("a.log.1", "3\n");
    site.append("a.log", "4\n");
    // Nobody reads, so that nobody sees that the original does not go on with what was read of it.
    (0..5).for_each(|_| site.look());
    site.wait(5);
    let mut texts = site.lines_of_texts();
    // What came into both files within one tick of the clock has no order.
    texts.sort();
    assert_eq!(texts, [vec!["1", "2"], vec!["3"], vec!["4"]]);
}

#[test]
fn a_copy_is_known_although_its_original_begins_with_the_same_words_again() {
    let mut site = Site::new();
    site.append("a.log", "the same ");
    site.wait(8);
    site.append("a.log", "a\n");
    site.copy_truncate("a.log", "a.log.1");
    site.append("a.log", "the same words\n");
    site.wait(5);
    assert_eq!(site.lines_of_texts(), [["the same a"], ["the same words"]]);
}

#[test]
fn a_half_line_that_is_ended_copied_and_truncated_before_it_is_read() {
    let mut site = Site::new();
    site.append("a.log", "1\nha");
    site.step();
    // It is due by now, and nobody reads.
    (0..6).for_each(|_| site.look());
    site.append("a.log", "lf\n");
    site.copy_truncate("a.log", "a.log.1");
    site.step();
    site.expect("1 half");
}

#[test]
fn copytruncate_across_restart() {
    for patterns in [["*.log"], ["*.log*"]] {
        let mut site = Site::with(&patterns, |_| {});
        site.append("a.log", "1\n2\n");
        site.step();
        site.commit();
        site.append("a.log", "3\n");
        site.copy_truncate("a.log", "a.log.1");
        site.append("a.log", "4\n5\n6\n7\n");
        site.crash();
        site.wait(3);
        site.expect("1 2 3 4 5 6 7");
    }
}

#[test]
fn a_copy_that_is_being_made_is_no_new_file() {
    let mut site = Site::with(&["*.log*"], |_| {});
    site.append("a.log", numbers(0..5));
    site.step();
    site.append("a.log.1", numbers(0..2));
    site.step();
    site.append("a.log.1", numbers(2..5));
    site.step();
    site.append("a.log", numbers(5..6));
    site.step();
    site.truncate("a.log", 0);
    site.append("a.log", numbers(6..7));
    site.wait(5);
    site.expect("0 1 2 3 4 5 6");
}

#[test]
fn truncation_to_smaller_content() {
    let mut site = Site::new();
    site.append("a.log", "1\n2\n3\n");
    site.step();
    site.write("a.log", "4\n");
    site.step();
    site.append("a.log", "5\n");
    site.step();
    site.expect("1 2 3 4 5");
    assert_eq!(site.texts(), 2);
}

#[test]
fn truncation_to_content_larger_than_the_offset() {
    let mut site = Site::new();
    site.append("a.log", "1\n2\n3\n");
    site.step();
    site.write("a.log", "10\n11\n12\n13\n");
    site.step();
    site.commit();
    site.write("a.log", "20\n21\n22\n23\n24\n");
    site.crash();
    site.step();
    site.expect("1 2 3 10 11 12 13 20 21 22 23 24");
}

#[test]
fn truncation_to_content_of_the_same_length() {
    let mut site = Site::new();
    site.append("a.log", "1\n2\n3\n");
    site.step();
    site.write("a.log", "4\n5\n6\n");
    site.step();
    site.expect("1 2 3 4 5 6");
}

#[test]
fn symlink_retargeted() {
    let mut site = Site::with(&["link.log"], |_| {});
    site.append("one", "1\n");
    site.append("two", "11\n");
    symlink("one", site.path("link.log")).unwrap();
    site.step();
    site.append("one", "2\n");
    site.remove("link.log");
    symlink("two", site.path("link.log")).unwrap();
    site.step();
    site.append("two", "12\n");
    site.append("one", "3\n");
    site.step();
    site.expect("1 2 3 11 12");
}

#[test]
fn a_file_and_a_link_to_it_are_one() {
    let mut site = Site::with(&["*.log"], |_| {});
    site.append("z.log", "1\n");
    symlink("z.log", site.path("a.log")).unwrap();
    fs::hard_link(site.path("z.log"), site.path("hard.log")).unwrap();
    site.step();
    site.expect("1");
}

#[test]
fn delete_and_recreate() {
    let mut site = Site::new();
    site.append("a.log", "started\n1\n");
    site.step();
    site.append("a.log", "2\n");
    site.remove("a.log");
    site.append("a.log", "started\n1\n11\n");
    site.step();
    site.append("a.log", "12\n");
    site.wait(10);
    site.expect("started 1 2 started 1 11 12");
    site.commit();
    site.crash();
    site.append("a.log", "13\n");
    site.step();
    site.expect("started 1 2 started 1 11 12 13");
}

#[test]
fn a_file_put_in_the_place_of_an_equal_one_goes_on() {
    let mut site = Site::new();
    let text: String = (0..300).map(|number| format!("line-{number}\n")).collect();
    site.append("a.log", &text);
    site.step();
    site.write("a.new", format!("{text}more\n"));
    site.rename("a.new", "a.log");
    site.wait(3);
    assert_eq!((site.lines().len(), site.texts()), (301, 1));
}

#[test]
fn inode_reused() {
    // Whether the system gives the number of a deleted file to the next one is up to it; both must be right.
    let mut site = Site::new();
    for round in 0..10 {
        site.append("a.log", format!("{round}\n"));
        site.step();
        site.remove("a.log");
        site.wait(7);
    }
    site.expect("0 1 2 3 4 5 6 7 8 9");
    site.commit();
    site.append("a.log", "10\n");
    site.crash();
    site.step();
    site.expect("0 1 2 3 4 5 6 7 8 9 10");
}

#[test]
fn same_header_different_file() {
    let mut site = Site::with(&["**/*.log*"], |_| {});
    for (at, name) in ["a.log", "b.log", "a.log.1", "sub/a.log"].into_iter().enumerate() {
        site.write(name, format!("{}of-{at}\n", header()));
    }
    site.wait(2);
    site.commit();
    site.append("a.log.2", format!("{}of-4\n", header()));
    site.append("a.log", "more-0\n");
    site.crash();
    site.append("a.log.1", "more-2\n");
    site.wait(4);
    let mut told: Vec<String> = site.lines().into_iter().filter(|line| !line.contains(' ')).collect();
    told.sort();
    assert_eq!(told.join(" "), "more-0 more-2 of-0 of-1 of-2 of-3 of-4");
    assert_eq!(site.lines().len(), 5 * 40 + 7);
}

#[test]
fn same_header_shorter_rotated_file() {
    let mut site = Site::with(&["*.log*"], |_| {});
    site.append("a.log", format!("{}1\n2\n3\n", header()));
    site.step();
    site.append("a.log.1", format!("{}9\n", header()));
    site.wait(4);
    assert_eq!(site.lines().len(), 2 * 40 + 4);
}

#[test]
fn zero_byte_files() {
    let mut site = Site::new();
    site.write("a.log", "");
    site.write("b.log", "");
    site.step();
    site.commit();
    site.crash();
    site.append("a.log", "1\n");
    site.step();
    site.remove("b.log");
    site.step();
    site.expect("1");
}

#[test]
fn files_smaller_than_a_fingerprint() {
    let mut site = Site::new();
    for round in 0..30 {
        site.append("a.log", format!("{round}\n"));
        site.append("b.log", format!("{round}\n"));
        site.step();
        if round % 3 == 0 {
            site.commit();
            site.crash();
        }
        if round % 10 == 9 {
            site.rename("a.log", &format!("a.log.{round}"));
        }
    }
    let expected: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    let lines = site.lines();
    for number in &expected {
        assert_eq!(lines.iter().filter(|line| *line == number).count(), 2, "{number}");
    }
    assert_eq!(lines.len(), 60);
}

#[test]
fn partial_last_line_across_restart() {
    let mut site = Site::new();
    site.append("a.log", "1\nha");
    site.step();
    site.expect("1");
    site.commit();
    site.crash();
    site.append("a.log", "lf-");
    site.wait(7);
    site.expect("1 half-"); // It has waited for its end.
    site.commit();
    site.crash();
    site.wait(7);
    site.expect("1 half-");
    site.append("a.log", "2\n3\n");
    site.step();
    site.expect("1 half-2 3");
    site.commit();
    site.crash();
    site.wait(7);
    site.expect("1 half-2 3");
}

#[test]
fn a_half_line_alone_across_restart() {
    let mut site = Site::new();
    site.append("a.log", "ha");
    site.wait(7);
    site.expect("ha");
    site.append("a.log", "lf");
    site.wait(7);
    site.expect("half");
    site.commit();
    site.crash();
    site.append("a.log", "\n2\n");
    site.step();
    site.expect("half 2");
    assert_eq!(site.texts(), 1);
}

#[test]
fn the_half_line_of_a_file_that_goes_is_not_lost() {
    let mut site = Site::new();
    site.append("a.log", "1\nhalf");
    site.step();
    site.remove("a.log");
    site.wait(12);
    site.expect("1 half");
}

#[test]
fn a_half_line_of_more_than_a_block_across_restart() {
    let mut site = Site::new();
    let long = "x".repeat(300 << 10);
    site.append("a.log", format!("{}{long}", numbers(0..30_000)));
    site.wait(7);
    assert_eq!(site.lines().len(), 30_001);
    site.commit();
    site.append("a.log", "y\nlast\n");
    site.crash();
    site.step();
    site.commit();
    site.crash();
    site.append("a.log", "the-end\n");
    site.step();
    let lines = site.lines();
    assert_eq!((lines.len(), lines[30_000].len(), site.texts()), (30_003, (300 << 10) + 1, 1));
}

#[test]
fn lines_longer_than_the_limit_are_cut_and_the_file_goes_on() {
    let mut site = Site::with(&["*.log"], |settings| {
        settings.lines = Settings { max_line: 10, batch_lines: 4, batch_bytes: 16 };
    });
    let long = "x".repeat(100);
    site.append("a.log", format!("1\n{long}"));
    site.step();
    site.expect("1 xxxxxxxxxx"); // It need not end to be cut.
    site.append("a.log", &long);
    site.step();
    site.commit();
    site.append("a.log", format!("{long}\n3\r\n1234567890\r\n12345678901\n"));
    site.crash();
    site.step();
    site.expect("1 xxxxxxxxxx 3 1234567890 1234567890");
    assert_eq!(site.cut, [2, 2, 5]); // Again after the restart: it had been read half.
}

#[test]
fn multi_line_event_with_a_restart_in_its_middle() {
    let mut site = Site::new();
    site.append("a.log", "ERROR\nTraceback\n");
    site.step();
    site.commit();
    site.append("a.log", "..File\n");
    site.step();
    site.crash();
    site.append("a.log", "ValueError\n");
    site.step();
    site.expect("ERROR Traceback ..File ValueError");
    assert_eq!(site.texts(), 1); // The numbers go on, so the lines continue what is stored.
}

#[test]
fn compressed_sibling_appears_while_the_plain_one_is_half_read() {
    for patterns in [["*.log"], ["*.log*"]] {
        let mut site = Site::with(&patterns, |settings| settings.lines.batch_lines = 3);
        site.append("a.log", numbers(0..10));
        site.look();
        site.read_batch();
        site.rename("a.log", "a.log.1");
        site.compress("a.log.1", "a.log.1.gz");
        site.remove("a.log.1");
        site.append("a.log", numbers(10..12));
        site.look();
        site.look();
        site.look();
        site.wait(20);
        site.expect("0 1 2 3 4 5 6 7 8 9 10 11");
    }
}

#[test]
fn compressed_sibling_after_restart() {
    for patterns in [["*.log"], ["*.log*"]] {
        let mut site = Site::with(&patterns, |_| {});
        site.append("a.log", numbers(0..3));
        site.step();
        site.commit();
        site.append("a.log", numbers(3..5));
        site.compress("a.log", "a.log.1.gz");
        site.remove("a.log");
        site.append("a.log", numbers(5..7));
        site.crash();
        site.wait(5);
        site.expect("0 1 2 3 4 5 6");
        site.commit();
        site.crash();
        site.wait(5);
        site.expect("0 1 2 3 4 5 6");
    }
}

#[test]
fn what_was_compressed_before_is_read_only_when_asked_for() {
    for (patterns, expected) in [(["*.log"], "3"), (["*.log*"], "3 0 1 2")] {
        let mut site = Site::with(&patterns, |_| {});
        site.append("a.log", numbers(0..3));
        site.compress("a.log", "a.log.1.gz");
        site.write("a.log", numbers(3..4));
        site.wait(5);
        site.expect(expected);
    }
}

#[test]
fn files_that_rotation_put_aside_before_they_were_seen() {
    for packed in [false, true] {
        let rotate = |site: &Site, from: usize, to: usize| {
            site.write("b.log", numbers(from..to));
            site.rename("b.log", "b.log.1");
            if packed {
                site.compress("b.log.1", &format!("b.log.{from}.gz"));
                site.remove("b.log.1");
            }
        };
        let mut site = Site::new();
        // Nobody asked for what was old at the very first look.
        site.write("b.log.9", "old\n");
        site.append("a.log", numbers(0..1));
        site.step();
        site.commit();
        // A log that comes and is put aside between two looks, …
        site.append("a.log", numbers(1..2));
        rotate(&site, 2, 4);
        site.wait(5);
        site.append("b.log", numbers(4..5));
        site.wait(5);
        site.expect("0 1 2 3 4");
        // … while nobody looks, although what came later was stored, …
        site.crash();
        site.wait(5);
        let mut lines = site.lines();
        lines.sort();
        assert_eq!(lines.join(" "), "0 1 2 3 4");
        site.commit();
        // … and once more.
        rotate(&site, 5, 7);
        site.append("b.log", numbers(7..8));
        site.step();
        site.commit();
        site.crash();
        site.wait(5);
        let mut lines = site.lines();
        lines.sort();
        assert_eq!(lines.join(" "), "0 1 2 3 4 5 6 7");
    }
}

#[test]
fn odd_bytes() {
    let mut site = Site::new();
    site.append("a.log", b"\xef\xbb\xbf1\r\n\xff\xfe2\n3\0\x001\n\r\n");
    site.append("b.log", b"\xff\xfeu\0t\0f\0");
    site.append("c.log", b"\x7fELF\x02\x01");
    site.step();
    let lines = site.lines();
    assert_eq!(lines, ["\u{feff}1", "\u{fffd}\u{fffd}2", "3\0\x001", ""]);
    let skipped: Vec<_> = site.tail.status().skipped.into_iter().map(|skipped| skipped.reason).collect();
    assert_eq!(skipped, ["UTF-16 text; convert it with `iconv -f UTF-16 -t UTF-8`", "a program"]);
}

#[test]
fn offsets_above_two_gigabytes() {
    let mut site = Site::new();
    let path = site.path("a.log");
    fs::write(&path, numbers(0..3000)).unwrap();
    site.step();
    let file = fs::File::options().write(true).open(&path).unwrap();
    let far = (1 << 31) + 4096;
    file.write_all_at(b"\n3\n", far).unwrap();
    site.step();
    site.commit();
    site.crash();
    site.append("a.log", "4\n");
    site.step();
    let ends: Vec<_> = site.lines().iter().map(String::len).collect();
    assert_eq!(ends.get(3000..), Some(&[1 << 20, 1, 1][..])); // The hole is a line of zeros, and cut.
    assert_eq!(site.checkpoints()[0].consumed, far + 5);
}

#[test]
fn polling_finds_the_same_as_events() {
    // The core is told by nobody; each look is a full one. See also `live.rs` of the tests.
    let mut site = Site::new();
    site.append("a.log", "1\n");
    site.step();
    site.step();
    site.append("a.log", "2\n");
    site.tail.look(site.now);
    while site.read_batch() {}
    site.expect("1 2");
}

/// How many deleted files of the site this process holds open.
fn deleted_and_open(site: &Site) -> usize {
    let below = site.path("").to_string_lossy().into_owned();
    let targets = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = targets.filter_map(|entry| fs::read_link(entry.path()).ok());
    let is_one = |target: &std::path::PathBuf| {
        let target = target.to_string_lossy();
        target.starts_with(&below) && target.ends_with(" (deleted)")
    };
    targets.filter(is_one).count()
}

#[test]
fn descriptors_are_released_on_delete() {
    let mut site = Site::new();
    let mut writer = site.open("a.log");
    writer.write_all(b"1\n").unwrap();
    site.step();
    site.remove("a.log");
    writer.write_all(b"2\n").unwrap();
    site.step();
    writer.write_all(b"3\n").unwrap();
    drop(writer);
    site.step();
    assert_eq!((deleted_and_open(&site), site.tail.status().files), (1, 1));
    site.wait(6);
    assert_eq!((deleted_and_open(&site), site.tail.status().files), (0, 0));
    site.expect("1 2 3");
}

#[test]
fn descriptors_are_bounded() {
    let mut site = Site::with(&["*.log"], |settings| settings.max_open = 3);
    for number in 0..10 {
        site.append(&format!("{number}.log"), format!("{number}\n"));
    }
    site.wait(2);
    assert_eq!((site.tail.status().open, site.tail.status().files), (3, 10));
    for number in 0..10 {
        site.append(&format!("{number}.log"), format!("1{number}\n"));
    }
    site.rename("4.log", "4.log.1");
    site.append("4.log", "24\n");
    site.wait(3);
    assert_eq!(site.tail.status().open, 3);
    site.append("4.log.1", "34\n");
    site.step();
    let mut lines: Vec<usize> = site.lines().iter().map(|line| line.parse().unwrap()).collect();
    lines.sort_unstable();
    assert_eq!(lines, (0..20).chain([24, 34]).collect::<Vec<_>>());
}

#[test]
fn files_are_bounded() {
    let mut site = Site::with(&["*.log"], |settings| settings.max_files = 2);
    for number in 0..3 {
        site.append(&format!("{number}.log"), format!("{number}\n"));
    }
    site.step();
    site.expect("0 1");
    let problems = site.tail.status().problems;
    assert!(problems[0].contains("is not followed because 2 files are already"), "{problems:?}");
}

#[test]
fn permission_appears_later() {
    let mut site = Site::new();
    site.append("a.log", "1\n");
    fs::set_permissions(site.path("a.log"), fs::Permissions::from_mode(0o0)).unwrap();
    let everything_may_be_read = fs::File::open(site.path("a.log")).is_ok();
    if everything_may_be_read {
        // To root only what cannot be opened by anybody is closed: a link to itself.
        site.remove("a.log");
        symlink("a.log", site.path("a.log")).unwrap();
    }
    site.append("b.log", "11\n");
    site.step();
    site.expect("11");
    assert_eq!(site.tail.status().problems.len(), 1, "{:?}", site.tail.status());
    if everything_may_be_read {
        site.remove("a.log");
        site.append("a.log", "1\n");
    }
    fs::set_permissions(site.path("a.log"), fs::Permissions::from_mode(0o644)).unwrap();
    site.step();
    site.expect("11 1");
    assert_eq!(site.tail.status().problems, Vec::<String>::new());
}

#[test]
fn clock_steps_back() {
    let mut site = Site::with(&["*.log"], |settings| settings.lines.batch_lines = 1);
    site.append("a.log", "1\n");
    site.step();
    let past = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
    for number in 2..5 {
        site.append("a.log", format!("{number}\n"));
        site.open("a.log").set_times(past).unwrap();
        site.step();
    }
    site.rename("a.log", "a.log.1");
    site.append("a.log", "5\n");
    site.open("a.log").set_times(past).unwrap();
    site.commit();
    site.crash();
    site.wait(2);
    site.expect("1 2 3 4 5");
}

#[test]
fn what_cannot_be_read_is_named_and_the_others_go_on() {
    let mut site = Site::new();
    // Reading its first byte is an input/output error.
    symlink("/proc/self/mem", site.path("bad.log")).unwrap();
    fs::create_dir(site.path("folder.log")).unwrap();
    site.append("a.log", "1\n");
    site.step();
    site.append("a.log", "2\n");
    site.step();
    site.expect("1 2");
    let problems = site.tail.status().problems;
    assert!(problems.len() == 1 && problems[0].contains("bad.log` at byte 0"), "{problems:?}");
}

#[test]
fn files_take_turns_in_bounded_batches() {
    let mut site = Site::with(&["*.log"], |settings| settings.lines.batch_lines = 10);
    site.append("a.log", numbers(0..1000));
    site.append("b.log", numbers(5000..5020));
    site.look();
    (0..4).for_each(|_| assert!(site.read_batch()));
    assert_eq!(site.lines().iter().filter(|line| line.starts_with('5') && line.len() == 4).count(), 20);
    while site.read_batch() {}
    assert_eq!((site.lines().len(), site.largest_batch), (1020, 10));
}

#[test]
fn what_was_imported_is_gone_on_with_and_the_other_way_round() {
    let site = Site::new();
    site.append("a.log", numbers(0..30_000));
    let import = |site: &Site, known: &[ingest::Checkpoint]| {
        let mut result = None;
        let found = discover(&[site.path("")]);
        found.inputs[0].read(&Settings::default(), &Default::default(), &mut |content| {
            let Content::Lines(mut reader) = content else { panic!("text is expected") };
            let resume = reader.resume(known, None).unwrap();
            while reader.next_batch().unwrap().is_some() {}
            result = Some((resume, reader.checkpoint(None)));
        });
        result.unwrap()
    };
    let (resume, imported) = import(&site, &[]);
    assert_eq!((resume, imported.lines), (Resume::New, 30_000));
    site.append("a.log", "30000\nhalf");
    let mut tail = ingest::Tail::new(site.settings.clone(), vec![imported]).unwrap();
    tail.scan(site.now);
    let delivery = tail.read().unwrap();
    let ingest::Place::File { continues, checkpoint, .. } = delivery.place else {
        panic!("a file is expected")
    };
    assert_eq!((continues, delivery.batch.lines[0].number, checkpoint.lines), (Some(0), 30_001, 30_001));
    assert!(tail.read().is_none());
    site.rename("a.log", "a.log.1");
    site.append("a.log.1", "-whole\n");
    let (resume, _) = import(&site, &[checkpoint]);
    assert_eq!(resume, Resume::GoOn { checkpoint: 0, line: 30_002 });
}

//! Lines as services write them, each with its number.

use culprit_tests::random::Random;

use crate::books::Key;

const LOGGERS: [&str; 4] =
    ["nova.compute.manager", "neutron.plugins.ml2.plugin", "oslo_service.periodic_task", "cinder.volume.api"];
const LEVELS: [&str; 5] = ["DEBUG", "INFO", "INFO", "WARNING", "ERROR"];

/// Longer than what tells files apart at a glance.
const BANNER: usize = 1500;

pub(crate) fn line(key: Key, random: &mut Random) -> Vec<u8> {
    let mark = key.written();
    let text = match random.below(24) {
        // The rest of a traceback.
        0 => format!("  File \"/usr/lib/python3/dist-packages/nova/x.py\", line 12, in run {mark}"),
        1 => format!("{} {mark} {}", header(key, random), "long ".repeat(random.size(100, 6000))),
        2 => mark,
        3 => format!("{} {mark} ends in spaces  ", header(key, random)),
        4 => format!("\t{mark} é ü 世界"),
        _ => {
            let words = "Attempting claim on node compute-01: memory 512 MB, disk 1 GB, vcpus 1 CPU; ";
            let length = random.size(0, words.len());
            format!("{} {mark} {}", header(key, random), words.get(..length).unwrap_or_default())
        }
    };
    let mut line = text.into_bytes();
    if random.one_in(20) {
        // In some other encoding.
        line.extend((0..random.size(1, 9)).map(|_| 0x80 | random.number().to_le_bytes()[0]));
    }
    line
}

/// What every start of a service says first, in the same words.
pub(crate) fn banner(key: Key) -> Vec<u8> {
    let options = "DEFAULT.debug = False DEFAULT.state_path = /var/lib/nova ".repeat(BANNER / 57 + 1);
    let time = "2026-11-21 03:00:00.000 18277 INFO oslo_service.service [-]";
    format!("{time} {options}{}", key.written()).into_bytes()
}

fn header(key: Key, random: &mut Random) -> String {
    let second = key.number / 50;
    let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
    let (level, logger) = (random.pick(&LEVELS), random.pick(&LOGGERS));
    let milliseconds = random.below(1000);
    let request = random.number();
    format!(
        "2026-11-21 {hour:02}:{minute:02}:{second:02}.{milliseconds:03} 18277 {level} {logger} \
         [None req-{:08x}-2fbb-4a2a-a0ac-5ae7c0bb5be2 40c2 907a - - default default]",
        request >> 32
    )
}

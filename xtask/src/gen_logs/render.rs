//! Writes a recorded line as it stands in one tile of one cell.

use super::clock::Clock;
use super::plan::{COMPUTES, Tile};
use super::random::mix;
use super::recording::{Line, Recording};
use super::scan::{Id, Kind};

/// Libvirt's numbers of instances that one tile uses up.
const DOMAINS: u32 = 0x400;

/// Sets of hosts in the second octet of their addresses.
const NETWORKS: u32 = 250;

#[derive(Debug)]
pub(super) struct Renderer<'a> {
    recording: &'a Recording,
    clock: Clock,
    cell: u32,
    tile: u32,
    cell_key: u64,
    tile_key: u64,
    controller: Vec<u8>,
    network: Vec<u8>,
    addresses: Vec<u8>,
    computes: Vec<Vec<u8>>,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(recording: &'a Recording, tile: &Tile, seed: u64) -> Self {
        let cell = tile.cell;
        let computes = (0..=COMPUTES).map(|compute| format!("{:03}", cell * COMPUTES + compute).into_bytes());
        Self {
            recording,
            clock: Clock::new(),
            cell,
            tile: tile.number,
            cell_key: mix(seed, u64::from(cell)),
            tile_key: tile.key,
            controller: format!("controller-{:02}", cell + 1).into_bytes(),
            network: format!("{:02}", cell + 1).into_bytes(),
            addresses: format!("10.{}.{}.", cell / NETWORKS, cell % NETWORKS).into_bytes(),
            computes: computes.collect(),
        }
    }

    /// The same cell, another tile.
    pub(super) fn turn_to(&mut self, tile: &Tile) {
        debug_assert_eq!(self.cell, tile.cell);
        (self.tile, self.tile_key) = (tile.number, tile.key);
    }

    pub(super) fn write(&mut self, line: &Line, shift: i64, out: &mut Vec<u8>) {
        let text = &self.recording.text;
        let mut written = line.text.0 as usize;
        for hole in self.recording.holes_of(line) {
            let at = hole.at as usize;
            out.extend_from_slice(&text[written..at]);
            written = at + usize::from(hole.length);
            self.write_hole(hole.kind, &text[at..written], shift, out);
        }
        out.extend_from_slice(&text[written..line.text.1 as usize]);
    }

    fn write_hole(&mut self, kind: Kind, recorded: &[u8], shift: i64, out: &mut Vec<u8>) {
        match kind {
            Kind::Time(format, second) => self.clock.write(format, i64::from(second) + shift, out),
            Kind::Uuid(id) => out.extend_from_slice(&dashed(self.fresh(id))),
            Kind::Hex(id) => out.extend_from_slice(&hexadecimal(self.fresh(id))),
            Kind::Prefix(id) => out.extend_from_slice(&dashed(self.fresh(id))[..11]),
            Kind::Mac(value) => {
                let [.., a, b, c] = mix(self.tile_key, u64::from(value)).to_be_bytes();
                let [[a1, a2], [b1, b2], [c1, c2]] = [a, b, c].map(two_digits);
                out.extend_from_slice(&[a1, a2, b':', b1, b2, b':', c1, c2]);
            }
            Kind::Domain(number) => {
                for byte in number.wrapping_add(self.tile * DOMAINS).to_be_bytes() {
                    out.extend_from_slice(&two_digits(byte));
                }
            }
            Kind::Reservation(id) => {
                let digits = hexadecimal(self.fresh(id));
                out.extend_from_slice(&digits[..8]);
            }
            Kind::Controller => out.extend_from_slice(&self.controller),
            Kind::Network => out.extend_from_slice(&self.network),
            Kind::Compute(number) => match self.computes.get(number as usize) {
                Some(digits) => out.extend_from_slice(digits),
                None => out.extend_from_slice(recorded),
            },
            Kind::Addresses => out.extend_from_slice(&self.addresses),
        }
    }

    fn fresh(&self, id: u32) -> u128 {
        let Id { value, lasting } = self.recording.ids.all[id as usize];
        let key = if lasting { self.cell_key } else { self.tile_key };
        #[expect(clippy::cast_possible_truncation, reason = "the halves of an id")]
        let (low, high) = (value as u64, (value >> 64) as u64);
        let first = mix(key ^ high, low);
        let fresh = u128::from(first) << 64 | u128::from(mix(first, key));
        // What says that it is random stays: version 4, variant 1.
        fresh & !MARKS | value & MARKS
    }
}

/// The bits of an id that tell its version and its variant.
const MARKS: u128 = 0x0000_0000_0000_f000_c000_0000_0000_0000;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn two_digits(byte: u8) -> [u8; 2] {
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

fn hexadecimal(value: u128) -> [u8; 32] {
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(value.to_be_bytes()) {
        pair.copy_from_slice(&two_digits(byte));
    }
    digits
}

fn dashed(value: u128) -> [u8; 36] {
    let digits = hexadecimal(value);
    let mut text = [b'-'; 36];
    for (from, to, length) in [(0, 0, 8), (8, 9, 4), (12, 14, 4), (16, 19, 4), (20, 24, 12)] {
        text[to..to + length].copy_from_slice(&digits[from..from + length]);
    }
    text
}

//! Where the lines of kept runs lie: pages of records, compressed once they are full.
//!
//! In: records as bytes. Out: the same bytes by their place. It does not know what they hold.

use std::sync::Mutex;

/// Bytes of records in one page before it is compressed; a larger record has its own page.
const PAGE: usize = 64 << 10;

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    page: u32,
    start: u32,
}

/// Records in compressed pages: logs shrink to a sixth.
#[derive(Debug, Default)]
pub(super) struct Arena {
    /// Packed bytes and their length unpacked; None: they would not be packed.
    full: Vec<(Box<[u8]>, Option<usize>)>,
    page: Vec<u8>,
    /// The page read last, unpacked.
    read: Mutex<Option<(u32, Vec<u8>)>>,
}

impl Arena {
    pub(super) fn add(&mut self, record: &[u8]) -> Slot {
        if !self.page.is_empty() && self.page.len() + record.len() > PAGE {
            self.pack();
        }
        let slot = Slot {
            page: u32::try_from(self.full.len()).unwrap_or(u32::MAX),
            start: u32::try_from(self.page.len()).unwrap_or(u32::MAX),
        };
        self.page.extend_from_slice(record);
        slot
    }

    fn pack(&mut self) {
        let page = match zstd::bulk::compress(&self.page, 1) {
            Ok(packed) => (packed.into_boxed_slice(), Some(self.page.len())),
            Err(_) => (self.page.as_slice().into(), None),
        };
        self.full.push(page);
        self.page.clear();
        self.page.shrink_to(PAGE);
    }

    /// What follows in the page from a record's first byte on; the record knows its own end.
    pub(super) fn with<T>(&self, slot: Slot, read: impl FnOnce(&[u8]) -> T) -> T {
        let start = slot.start as usize;
        let Some((packed, length)) = self.full.get(slot.page as usize) else {
            return read(self.page.get(start..).unwrap_or_default());
        };
        let Some(length) = length else { return read(packed.get(start..).unwrap_or_default()) };
        let mut last = self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.as_ref().is_none_or(|(page, _)| *page != slot.page) {
            let bytes = zstd::bulk::decompress(packed, *length).unwrap_or_default();
            *last = Some((slot.page, bytes));
        }
        read(last.as_ref().and_then(|(_, bytes)| bytes.get(start..)).unwrap_or_default())
    }
}

/// Appends a number, seven bits a byte, least first.
pub(super) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
}

/// Takes a number off the front.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_come_back_as_they_were(records in proptest::collection::vec((any::<u8>(), 0usize..90_000), 0..12)) {
            let mut arena = Arena::default();
            let slots: Vec<_> = records.iter().map(|(byte, length)| arena.add(&vec![*byte; *length])).collect();
            for ((byte, length), slot) in records.iter().zip(slots).rev() {
                arena.with(slot, |bytes| assert_eq!(&bytes[..*length], vec![*byte; *length]));
            }
        }

        #[test]
        fn numbers_come_back(numbers in proptest::collection::vec(any::<u64>(), 0..9)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| put(&mut bytes, *number));
            let mut rest = bytes.as_slice();
            prop_assert_eq!(numbers.iter().map(|_| take(&mut rest)).collect::<Vec<_>>(), numbers.iter().map(|n| Some(*n)).collect::<Vec<_>>());
            prop_assert_eq!(take(&mut rest), None);
        }
    }
}

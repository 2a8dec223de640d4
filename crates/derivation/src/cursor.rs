//! Bytes that are read from the front, in the encodings of span batches.

/// What is left of an input. Every reader gives `None` where the input ends too early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// A base-128 number, least digit first. As in Go more digits than needed are accepted, and more than 64 bits are
    /// not.
    pub(crate) fn uvarint(&mut self) -> Option<u64> {
        let mut number = 0;
        for digit in 0..10 {
            let byte = self.byte()?;
            if digit == 9 && byte > 1 {
                return None;
            }
            number |= u64::from(byte & 0x7f) << (7 * digit);
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A list of so many bits; none where a bit beyond them is set.
    pub(crate) fn bits(&mut self, count: usize) -> Option<Bits<'a>> {
        let bytes = self.take(count.div_ceil(8))?;
        let spare = bytes.len() * 8 - count;
        let excess = bytes.first().is_some_and(|first| u32::from(*first) >> (8 - spare) != 0);
        (!excess).then_some(Bits(bytes))
    }
}

/// Bits of a big-endian number: the first one is the lowest bit of the last byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits<'a>(pub(crate) &'a [u8]);

impl Bits<'_> {
    /// Whether bit `index` is set; beyond the list none is.
    pub(crate) fn get(self, index: usize) -> bool {
        let byte = self.0.len().checked_sub(index / 8 + 1).map(|at| self.0[at]);
        byte.is_some_and(|byte| byte >> (index % 8) & 1 == 1)
    }

    /// How many of all are set.
    pub(crate) fn ones(self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_in_go() {
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        for (bytes, number) in [
            (&[0][..], Some(0)),
            (&[0x7f], Some(127)),
            (&[0xac, 0x02], Some(300)),
            (&[0x81, 0x80, 0x00], Some(1)),
            (&largest, Some(u64::MAX)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], None),
            (&[0x80; 11], None),
            (&[0x80], None),
            (&[], None),
        ] {
            assert_eq!(Cursor(bytes).uvarint(), number, "{bytes:02x?}");
        }
    }

    #[test]
    fn bits_count_from_the_last_byte() {
        let set = |bytes: &[u8], count: usize| {
            let bits = Cursor(bytes).bits(count)?;
            Some((0..count).filter(|index| bits.get(*index)).collect::<Vec<_>>())
        };
        assert_eq!(set(&[0b0000_0010, 0b1000_0001], 10), Some(vec![0, 7, 9]));
        assert_eq!(set(&[0b0000_0100, 0], 10), None, "an eleventh bit");
        assert_eq!(set(&[0xff], 8), Some((0..8).collect()));
        assert_eq!(set(&[], 0), Some(vec![]));
        assert_eq!(set(&[], 1), None);
        assert!(!Bits(&[0xff]).get(8));
    }
}

//! The handshake, from both ends.

use brig_handshake::wire::{Wire, decode, encode};
use brig_handshake::{Ask, Reply, Task};

/// The first byte says what is expected, and the rest is what comes: decoded, it encodes to the same bytes.
pub fn handshake(input: &[u8]) {
    let Some((first, bytes)) = input.split_first() else { return };
    match first % 3 {
        0 => same::<Task<'_>>(bytes),
        1 => same::<Ask<'_>>(bytes),
        _ => same::<Reply>(bytes),
    }
}

/// There is one encoding of each value, and nothing else decodes.
pub(crate) fn same<'a, T: Wire<'a>>(bytes: &'a [u8]) {
    if let Ok(value) = decode::<T>(bytes) {
        assert_eq!(encode(&value), bytes);
    }
}

//! prctl(2), where rustix has no safe or no plain form.

use rustix::io::Result;

use crate::call::{call, number};

const PR_CAPBSET_DROP: usize = 24;

/// `prctl(PR_CAPBSET_DROP, capability)`.
///
/// # Errors
/// The kernel's answer; `INVAL` for a capability that it does not know.
pub fn drop_from_bounding_set(capability: u8) -> Result<()> {
    // SAFETY: no memory is passed.
    unsafe { call(number::PRCTL, [PR_CAPBSET_DROP, usize::from(capability), 0, 0, 0]) }.map(drop)
}

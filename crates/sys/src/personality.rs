//! personality(2).

use rustix::io::Result;

use crate::call::{call, number};

/// `int personality(unsigned long persona)`.
///
/// # Errors
/// The kernel's answer.
pub fn personality(persona: u32) -> Result<()> {
    // SAFETY: no memory is passed; what the personality changes takes effect for the next program.
    unsafe { call(number::PERSONALITY, [persona as usize]) }.map(drop)
}

//! set_mempolicy(2).

use rustix::io::Result;

use crate::call::{call, number};

/// `long set_mempolicy(int mode, const unsigned long *nodemask, unsigned long maxnode)`; 64 nodes a word, node 0 lowest.
///
/// # Errors
/// The kernel's answer.
pub fn set_mempolicy(mode: u32, nodes: &[u64]) -> Result<()> {
    // The kernel takes one bit less than it is told.
    let bits = if nodes.is_empty() { 0 } else { nodes.len() * 64 + 1 };
    let mask = if nodes.is_empty() { 0 } else { nodes.as_ptr().addr() };
    // SAFETY: the kernel reads `bits - 1` bits, which is exactly the slice.
    unsafe { call(number::SET_MEMPOLICY, [mode as usize, mask, bits]) }.map(drop)
}

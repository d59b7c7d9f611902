//! keyctl(2): session keyrings.

use core::ffi::CStr;

use rustix::io::Result;

use crate::call::{call, number};

const JOIN_SESSION_KEYRING: usize = 1;
const SETPERM: usize = 5;
const DESCRIBE: usize = 6;

/// A key's serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serial(usize);

/// `keyctl(KEYCTL_JOIN_SESSION_KEYRING, name)`: joins the session keyring `name`, which is made if there is none.
///
/// # Errors
/// The kernel's answer; `NOSYS` where it was built without keys.
pub fn join_session_keyring(name: &CStr) -> Result<Serial> {
    // SAFETY: `name` is a NUL-terminated text, read only.
    unsafe { call(number::KEYCTL, [JOIN_SESSION_KEYRING, name.as_ptr().addr()]) }.map(Serial)
}

/// `keyctl(KEYCTL_DESCRIBE, key, buffer, size)`: fills `buffer` with "type;uid;gid;perm;description" and a NUL, and returns
/// the length that it takes.
///
/// # Errors
/// The kernel's answer.
pub fn describe(key: Serial, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    unsafe { call(number::KEYCTL, [DESCRIBE, key.0, buffer.as_mut_ptr().addr(), buffer.len()]) }
}

/// `keyctl(KEYCTL_SETPERM, key, permissions)`.
///
/// # Errors
/// The kernel's answer.
pub fn set_permissions(key: Serial, permissions: u32) -> Result<()> {
    // SAFETY: no memory is passed.
    unsafe { call(number::KEYCTL, [SETPERM, key.0, permissions as usize]) }.map(drop)
}

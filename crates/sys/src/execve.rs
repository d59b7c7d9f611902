//! execve(2).

use core::ffi::CStr;

use rustix::io::Errno;

use crate::call::{call, number};

/// `int execve(const char *path, char *const argv[], char *const envp[])`. Returns only when it fails.
///
/// `argv` and `envp` are lists of NUL-terminated texts that end with a null pointer.
pub fn execve(path: &CStr, argv: &Pointers<'_>, envp: &Pointers<'_>) -> Errno {
    let arguments = [path.as_ptr().addr(), argv.list.as_ptr().addr(), envp.list.as_ptr().addr()];
    // SAFETY: `Pointers` can only be made from texts that outlive it, and ends with a null pointer.
    match unsafe { call(number::EXECVE, arguments) } {
        Ok(_) => Errno::INVAL,
        Err(errno) => errno,
    }
}

/// A null-terminated list of texts, as execve(2) wants it.
#[derive(Debug)]
pub struct Pointers<'a> {
    list: &'a [*const u8],
}

impl<'a> Pointers<'a> {
    /// Fills `room` with the addresses of `texts` and a null pointer. `None`: too little room.
    pub fn new<T: AsRef<CStr> + 'a>(texts: &'a [T], room: &'a mut [*const u8]) -> Option<Self> {
        let list = room.get_mut(..=texts.len())?;
        for (slot, text) in list.iter_mut().zip(texts) {
            *slot = text.as_ref().as_ptr().cast();
        }
        *list.last_mut()? = core::ptr::null();
        Some(Self { list })
    }
}

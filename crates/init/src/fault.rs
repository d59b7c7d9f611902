//! From a kernel's answer to a fault: which step, which entry, which errno.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use brig_handshake::{Fault, Step};
use rustix::io::Errno;

/// What every step returns. The fault is behind a pointer, so that handing it on is one word: half of the size of brig-init.
pub(crate) type Outcome<T> = Result<T, Box<Fault<'static>>>;

/// Names the step in which a call failed.
pub(crate) trait At<T> {
    /// In `step`.
    fn at(self, step: Step) -> Outcome<T>;

    /// In `step`, at entry `index` of its list.
    fn at_entry(self, step: Step, index: u32) -> Outcome<T>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: Step) -> Outcome<T> {
        self.at_entry(step, 0)
    }

    fn at_entry(self, step: Step, index: u32) -> Outcome<T> {
        self.map_err(|errno| plain(step, index, errno))
    }
}

#[cold]
#[inline(never)]
fn plain(step: Step, index: u32, errno: Errno) -> Box<Fault<'static>> {
    Box::new(Fault { step, index, errno: errno.raw_os_error(), text: Cow::Borrowed(b"") })
}

/// A fault whose reason is in words.
pub(crate) fn in_words(step: Step, index: u32, text: impl Into<Vec<u8>>) -> Box<Fault<'static>> {
    Box::new(Fault { step, index, errno: 0, text: Cow::Owned(text.into()) })
}

/// A fault with an errno and words about its subject.
pub(crate) fn about(step: Step, index: u32, errno: Errno, text: impl Into<Vec<u8>>) -> Box<Fault<'static>> {
    Box::new(Fault { step, index, errno: errno.raw_os_error(), text: Cow::Owned(text.into()) })
}

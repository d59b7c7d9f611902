//! The executable: starts without a C library, hands its one descriptor to the library, ends in the user's program.
//!
//! `brig-init SOCKET:PRESERVED`: the number of the handshake's descriptor, and how many descriptors from 3 on are the
//! user's.
#![no_std]
#![no_main]

mod arena;
mod entry;

use core::panic::PanicInfo;

use brig_sys::clone::Alone;
use rustix::fd::{FromRawFd, OwnedFd, RawFd};

#[global_allocator]
static ARENA: arena::Arena = arena::Arena::new();

/// From the entry stub, with the stack as the kernel left it: argc, then argv.
fn start(argument: &[u8]) -> ! {
    let Some((socket, preserved)) = parse(argument) else { brig_init::leave(64) };
    // SAFETY: the parent made this descriptor for us, and nothing in this new process has taken it yet.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: brig-init starts no threads, and its copies only execute, or go on where the original leaves.
    let alone = unsafe { Alone::vouch() };
    brig_init::run(socket, preserved, alone)
}

fn parse(argument: &[u8]) -> Option<(RawFd, u32)> {
    let (socket, preserved) = core::str::from_utf8(argument).ok()?.split_once(':')?;
    Some((socket.parse().ok()?, preserved.parse().ok()?))
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    brig_init::leave(70)
}

//! The executable: starts without a C library, hands its one descriptor to the library, ends in the user's program.
//!
//! `brig-init SOCKET:PRESERVED[:told][:timed]`: the number of the handshake's descriptor, how many descriptors from 3 on are the
//! user's, and what the parent wants to know of steps.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "an allocator hands out memory")]
mod arena;
#[allow(unsafe_code, reason = "the first instructions of a process, and what the kernel left on its stack")]
mod entry;

use core::panic::PanicInfo;

use brig_init::Steps;
use rustix::fd::RawFd;

#[global_allocator]
static ARENA: arena::Arena = arena::Arena::new();

/// From the entry stub, with the first argument.
fn start(argument: &[u8]) -> ! {
    let Some((socket, preserved, steps)) = parse(argument) else { brig_init::leave(64) };
    brig_init::run(entry::socket(socket), preserved, entry::alone(), steps)
}

fn parse(argument: &[u8]) -> Option<(RawFd, u32, Steps)> {
    let (socket, rest) = core::str::from_utf8(argument).ok()?.split_once(':')?;
    let (preserved, wanted) = rest.split_once(':').unwrap_or((rest, ""));
    let steps = match wanted {
        "" => Steps::Silent,
        "told" => Steps::Told,
        "timed" => Steps::Timed,
        "told:timed" => Steps::ToldAndTimed,
        _ => return None,
    };
    Some((socket.parse().ok()?, preserved.parse().ok()?, steps))
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    brig_init::leave(70)
}

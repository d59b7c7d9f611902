//! brig-init: everything that runs between clone and the `execve` of the user's program, and nothing else.
//!
//! A tiny program without libc, run from a sealed copy inside the container's namespaces. It receives a
//! [`Task`](brig_handshake::Task), carries it out step by step, and becomes the user's process. Read [`init`] from top to
//! bottom: it is the table of contents.
//!
//! Rules: one thread. No path below the rootfs is used as text twice: it is resolved once, beneath the rootfs, to a
//! descriptor. Text comes from the task, never from the environment. Every failure is a
//! [`Fault`](brig_handshake::Fault) that names the step; the parent, which has the plan, turns it into words.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod fault;
mod fds;
mod parent;
mod timeline;

mod arrive;
mod exec;
mod init;

mod keyring;
mod namespaces;

mod beneath;
mod bind;
mod cgroup_mount;
mod copy_up;
mod detached;
mod devices;
mod mounts;
mod old_root;
mod paths;
mod pivot;
mod procfs;
mod rootfs;
mod sysctl;
mod terminal;

mod hooks;
mod stdio;

mod gate;
mod identity;
mod interpreter;
mod payload;
mod scheduling;
mod seccomp;

use core::convert::Infallible;

use brig_handshake::Task;
use brig_sys::clone::Alone;
use rustix::fd::OwnedFd;

use crate::fault::Outcome;
use crate::parent::Parent;
pub use crate::parent::Steps;
#[doc(hidden)]
pub use crate::payload::home_in;

/// The whole life of brig-init: `socket` leads to the parent; descriptors 3 to 2 + `preserved` are the user's.
pub fn run(socket: OwnedFd, preserved: u32, alone: Alone, steps: Steps) -> ! {
    let mut parent = Parent::new(socket, alone, steps);
    let Err(fault) = carry_out(&mut parent, preserved);
    parent.fail(&fault);
    leave(255)
}

/// Ends this process at once.
pub fn leave(code: i32) -> ! {
    brig_sys::exit::exit_group(code)
}

fn carry_out(parent: &mut Parent, preserved: u32) -> Never {
    let arrival = arrive::arrive(parent, preserved)?;
    let task = arrive::read(&arrival.message)?;
    if task.is_followed() {
        parent.program_follows();
    }
    match &task {
        Task::Init(task) => init::become_first(task, arrival.descriptors, parent),
        Task::Exec(task) => exec::become_another(task, arrival.descriptors, parent),
    }
}

/// What a step returns.
pub(crate) type Never = Outcome<Infallible>;

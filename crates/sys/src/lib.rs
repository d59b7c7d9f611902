//! The system calls that rustix lacks, one file per man-page family. The home of `unsafe`.
//!
//! Runs in: both processes; needs no libc and no allocator.
//!
//! What these wrappers do not do: retry, translate, log, remember. They take owned or borrowed descriptors and
//! NUL-terminated text, make one system call, and return the kernel's answer. What rustix has is used from rustix.
#![no_std]

mod arch;
mod call;

pub mod clone;
pub mod execve;
pub mod exit;
pub mod setns;
pub mod signal;

pub mod bpf;
pub mod clock_gettime;
pub mod close_range;
pub mod getrusage;
pub mod ioprio;
pub mod keyctl;
pub mod mempolicy;
pub mod mount_setattr;
pub mod netdevice;
pub mod personality;
pub mod pidfd_info;
pub mod prctl;
pub mod rlimit;
pub mod sched;
pub mod seccomp;
pub mod seccomp_notify;
pub mod stdio;
pub mod unshare;

//! Network interfaces, their addresses and routes: rtnetlink(7), one request and its answer at a time.
//! Runs in: the parent, on the host.
//!
//! A route socket belongs to the network namespace in which it was made, wherever its descriptor is used: so the parent works
//! in a container's namespace through a socket that `brig-init` made there, and never enters it. This crate knows neither
//! containers nor paths, and takes no decision: it returns the kernel's answer as an [`Errno`](rustix::io::Errno).
#![forbid(unsafe_code)]

mod socket;

mod address;
mod link;
mod route;

mod message;

pub use address::Address;
pub use link::{Bridge, Link, Veth};
pub use route::Route;
pub use socket::Socket;
#[doc(hidden)]
pub use socket::count_answers;

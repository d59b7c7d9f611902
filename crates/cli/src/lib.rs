//! The words of the `brig` command: what is typed, what is printed, what is logged, which code it ends with.
//!
//! What the words ask for is done by the runtime library. This is a library of its own so that tests, man pages and
//! shell completions can read the table of commands. Runs in: parent.

#![forbid(unsafe_code)]

pub mod args;
pub mod help;
pub mod pages;
pub mod version;

pub mod commands;
mod demo;
mod doctor;

pub mod features;
pub mod output;
pub mod spec_template;

pub mod exit;
pub mod log;
pub mod quote;
mod trace_file;

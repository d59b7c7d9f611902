//! `seccomp`: profiles looked at by themselves, without a container. Runs in: parent.

mod check;
mod diff;
mod profile;

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::Path,
};

use brig_runtime::errno::errno_text;
use brig_seccomp::{Arch, Compiled, Profile, action, compile, disassemble};

use super::{Outcome, io_words, print, print_and_succeed};
use crate::{
    args::command::{SeccompAction, SeccompArgs},
    exit::{Exit, Failure},
};

pub(super) fn run(args: &SeccompArgs) -> Outcome {
    let machine = match &args.machine {
        Some(word) => profile::architecture(word)?,
        None => {
            Arch::native().ok_or_else(|| Failure::new("this architecture has no name: give --machine"))?
        }
    };
    match &args.action {
        SeccompAction::Compile { profile, output } => {
            profile::with(profile, machine, |profile| write(profile, machine, output.as_deref()))
        }
        SeccompAction::Show { profile } => {
            profile::with(profile, machine, |profile| print_and_succeed(&shown(profile, machine)?))
        }
        SeccompAction::Check { profile, call, args, arch } => {
            let arch = arch.as_deref().map(profile::architecture).transpose()?.unwrap_or(machine);
            profile::with(profile, machine, |profile| {
                let (text, exit) = check::check(profile, machine, &check::call(call, args, arch)?)?;
                print(&text).map(|()| exit)
            })
        }
        SeccompAction::Diff { one, other } => {
            profile::not_both_from_stdin(one, other)?;
            profile::with(one, machine, |one| {
                profile::with(other, machine, |other| {
                    let (text, exit) = diff::diff([one, other], machine)?;
                    print(&text).map(|()| exit)
                })
            })
        }
    }
}

fn compiled(profile: &Profile<'_>, machine: Arch) -> Result<Compiled, Failure> {
    compile(profile, machine).map_err(|error| Failure::new(error.to_string()))
}

fn write(profile: &Profile<'_>, machine: Arch, output: Option<&Path>) -> Outcome {
    let bytes = compiled(profile, machine)?.to_bytes();
    let Some(path) = output else {
        let mut stdout = io::stdout().lock();
        if stdout.is_terminal() {
            return Err(Failure::new(
                "the program is not for a terminal: redirect it, or name a file with -o",
            ));
        }
        let written = stdout.write_all(&bytes).and_then(|()| stdout.flush());
        return written
            .map(|()| Exit::Success)
            .map_err(|error| Failure::new(format!("write /dev/stdout: {}", io_words(&error))));
    };
    let written = fs::write(path, bytes).map(|()| Exit::Success);
    written.map_err(|error| Failure::new(format!("write {}: {}", path.display(), io_words(&error))))
}

/// The program for a person, under what is known of the whole.
fn shown(profile: &Profile<'_>, machine: Arch) -> Result<String, Failure> {
    let compiled = compiled(profile, machine)?;
    let mut text = format!("for {}", machine.name());
    let others = profile.architectures.iter().filter(|arch| **arch != machine);
    for (place, arch) in others.enumerate() {
        text += if place == 0 { ", with " } else { ", " };
        text += arch.name();
    }
    text += &format!("; loaded with flags {:#x}\n", compiled.flags);
    if !compiled.unknown.is_empty() {
        text += &format!("no system call is named {}: skipped\n", compiled.unknown.join(", "));
    }
    text += "\n";
    text += &disassemble(&compiled.program, machine.byte_order());
    Ok(text)
}

/// What a filter returns, for a person.
fn verdict(value: u32) -> String {
    const ERRNO: u32 = 0x0005_0000;
    let words = action(value);
    match (value & 0xffff_0000, i32::try_from(value & 0xffff)) {
        (ERRNO, Ok(errno)) => format!("{words} ({})", errno_text(errno)),
        _ => words,
    }
}

//! Where a profile comes from: a `linux.seccomp` object, a whole config.json, a bundle, standard input.
//! Runs in: parent.

use std::{
    fs,
    io::{self, Read as _},
};

use brig_plan::{load, refusal::Refusal, seccomp, spec::LinuxSeccomp};
use brig_seccomp::{Arch, Profile};
use serde_json::Value;

use crate::{args::command::ProfilePath, commands::io_words, exit::Failure};

/// Calls `with` with the profile at `path`, checked as in a config.json.
pub(super) fn with<T>(
    path: &ProfilePath,
    machine: Arch,
    with: impl FnOnce(&Profile<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (name, text) = read(path)?;
    let named = |what: &str| Failure::new(format!("{name}: {what}"));
    let refused = |refusal: Refusal| named(&refusal.to_string());
    let by_itself = |configured: &LinuxSeccomp<'_>| {
        let profile = seccomp::by_itself(configured, machine).map_err(refused)?;
        with(&profile)
    };
    match Kind::of(&text) {
        Kind::Config => {
            let spec = load::config(&text).map_err(refused)?;
            let configured = spec.linux.as_ref().and_then(|linux| linux.seccomp.as_ref());
            by_itself(configured.ok_or_else(|| named("has no linux.seccomp: nothing is filtered"))?)
        }
        Kind::Engine(word) => Err(named(&format!(
            "has {word:?}, which is of the format in which Docker, containerd and Podman keep profiles: for each container \
             they make an OCI profile of it, and only they know how. Take the linux.seccomp of a config.json that the \
             engine wrote"
        ))),
        Kind::Profile => by_itself(&load::seccomp(&text).map_err(refused)?),
    }
}

/// There is only one standard input.
pub(super) fn not_both_from_stdin(one: &ProfilePath, other: &ProfilePath) -> Result<(), Failure> {
    match (one, other) {
        (ProfilePath::Stdin, ProfilePath::Stdin) => {
            Err(Failure::new("standard input can be one of the profiles"))
        }
        _ => Ok(()),
    }
}

/// What a text is about, as far as can be told from its members.
enum Kind {
    Config,
    Profile,
    /// The format of engines, told by this member.
    Engine(&'static str),
}

impl Kind {
    /// What cannot be read is no better as another kind: the reader of profiles says what is wrong with it.
    fn of(text: &[u8]) -> Self {
        let Ok(Value::Object(members)) = serde_json::from_slice(text) else { return Self::Profile };
        let is_there = |name: &&str| members.contains_key(*name);
        if ["ociVersion", "process", "root", "linux"].iter().any(is_there) {
            return Self::Config;
        }
        let rules = members.get("syscalls").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let in_rules = |name: &&str| rules.iter().any(|rule| rule.get(*name).is_some());
        let of_engine = members.contains_key("archMap").then_some("archMap");
        match of_engine.or_else(|| ["includes", "excludes", "name"].into_iter().find(in_rules)) {
            Some(word) => Self::Engine(word),
            None => Self::Profile,
        }
    }
}

/// Its name for messages, and its text.
fn read(path: &ProfilePath) -> Result<(String, Vec<u8>), Failure> {
    let (name, text) = match path {
        ProfilePath::Stdin => {
            let mut text = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut text).map(|_| text);
            ("standard input".to_owned(), read)
        }
        ProfilePath::Path(path) if path.is_dir() => {
            let path = path.join("config.json");
            (path.display().to_string(), fs::read(path))
        }
        ProfilePath::Path(path) => (path.display().to_string(), fs::read(path)),
    };
    match text {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(Failure::new(format!("open {name}: {}", io_words(&error)))),
    }
}

/// An architecture by the specification's name, with or without `SCMP_ARCH_`, or by the name that Go has for it.
pub(super) fn architecture(word: &str) -> Result<Arch, Failure> {
    const OF_GO: [(&str, &str); 6] = [
        ("386", "X86"),
        ("I386", "X86"),
        ("AMD64", "X86_64"),
        ("ARM64", "AARCH64"),
        ("LOONG64", "LOONGARCH64"),
        ("MIPS64LE", "MIPSEL64"),
    ];
    let upper = word.to_ascii_uppercase();
    let bare = upper.strip_prefix("SCMP_ARCH_").unwrap_or(&upper);
    let bare = OF_GO.iter().find(|(go, _)| *go == bare).map_or(bare, |(_, name)| name);
    format!("SCMP_ARCH_{bare}").parse().map_err(|_| {
        let known = Arch::ALL.map(|arch| arch.name().trim_start_matches("SCMP_ARCH_").to_ascii_lowercase());
        Failure::new(format!("{word:?} is not an architecture: want one of {}", known.join(", ")))
    })
}

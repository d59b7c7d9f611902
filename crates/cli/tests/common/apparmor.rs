//! Profiles of AppArmor, loaded for a test.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::unique;

/// Rules that allow everything.
pub(crate) const EVERYTHING: &str =
    "file, capability, network, mount, umount, pivot_root, ptrace, signal, unix,";

/// Loaded profiles, which are unloaded with this value.
pub(crate) struct Profiles<const N: usize> {
    pub(crate) names: [String; N],
    text: String,
}

impl<const N: usize> Profiles<N> {
    /// One for each of these rules; none, having said why, where there is no AppArmor.
    pub(crate) fn load(rules: [&str; N]) -> Option<Self> {
        let names = rules.map(|_| unique("profile"));
        let flags = "flags=(attach_disconnected, mediate_deleted)";
        let each = names.iter().zip(rules);
        let text = each.map(|(name, rules)| format!("profile {name} {flags} {{ {rules} }}\n")).collect();
        let profiles = Self { names, text };
        let is_there = is_enabled() && profiles.parse("--add");
        if !is_there {
            println!("SKIPPED: needs AppArmor, and apparmor_parser");
        }
        is_there.then_some(profiles)
    }

    fn parse(&self, what: &str) -> bool {
        let parser = Command::new("apparmor_parser").arg(what).stdin(Stdio::piped()).spawn();
        parser.is_ok_and(|mut parser| {
            parser.stdin.take().unwrap().write_all(self.text.as_bytes()).unwrap();
            parser.wait().unwrap().success()
        })
    }
}

/// Whether the kernel has it, and it is on.
pub(crate) fn is_enabled() -> bool {
    fs::read_to_string("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.trim() == "Y")
}

impl<const N: usize> Drop for Profiles<N> {
    fn drop(&mut self) {
        if is_enabled() {
            self.parse("--remove");
        }
    }
}

//! The failures, chapter by chapter. Each says what is wrong, how that is made, and what helps.

pub(crate) mod bench;
mod host;
mod image;
mod settings;

use std::process::Command;

use serde_json::{Value, json};

use bench::Bench;

/// A chapter of the page.
pub(crate) struct Chapter {
    pub(crate) title: &'static str,
    pub(crate) troubles: &'static [Trouble],
}

/// One failure.
pub(crate) struct Trouble {
    /// What is wrong.
    pub(crate) what: &'static str,
    /// What helps.
    pub(crate) remedy: &'static str,
    /// Makes it, and says which command fails; `None` where that cannot be made.
    pub(crate) make: fn(&Bench, &str) -> Option<Command>,
}

pub(crate) const CHAPTERS: &[Chapter] = &[
    Chapter { title: "The program", troubles: image::PROGRAM },
    Chapter { title: "The root file system and mounts", troubles: image::MOUNTS },
    Chapter { title: "config.json", troubles: settings::CONFIG },
    Chapter { title: "Namespaces and ids", troubles: host::IDS },
    Chapter { title: "Limits and security", troubles: settings::LIMITS },
    Chapter { title: "Hooks", troubles: settings::HOOKS },
    Chapter { title: "Commands and the store", troubles: host::COMMANDS },
];

/// One more mount.
pub(crate) fn add_mount(config: &mut Value, destination: &str, source: &str, kind: &str, options: &[&str]) {
    let mount = json!({ "destination": destination, "source": source, "type": kind, "options": options });
    config["mounts"].as_array_mut().unwrap().push(mount);
}

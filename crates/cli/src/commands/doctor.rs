//! `doctor`: what this machine lets this user do. Runs in: parent.

use std::io::{self, IsTerminal as _};

use brig_runtime::foreground::{self, Signals};
use rustix::process::geteuid;

use super::{Outcome, print};
use crate::{
    args::{
        Global,
        command::{DoctorArgs, ExplainFormat},
    },
    doctor::{self, checks, report},
    exit::{Exit, Failure},
    log::colours_are_wanted,
    output::Colour,
};

pub(super) fn run(global: &Global, args: DoctorArgs) -> Outcome {
    if let Some(name) = args.features.iter().find(|name| checks::ALL.iter().all(|check| check.name != **name))
    {
        let known = checks::ALL.iter().map(|check| check.name).collect::<Vec<_>>().join(" ");
        return Err(trouble(Failure::new(format!("no feature is called {name:?}; there are {known}"))));
    }
    // A signal would leave half a container behind.
    let signals = Signals::block().map_err(|error| trouble(error.into()))?;
    foreground::become_subreaper().map_err(|error| trouble(error.into()))?;
    if !global.debug {
        // What the trials warn of is in the report.
        ::log::set_max_level(::log::LevelFilter::Error);
    }
    let findings = doctor::examine(&args.features).map_err(trouble)?;
    drop(signals);
    let text = match args.format {
        ExplainFormat::Text => {
            let is_coloured = io::stdout().is_terminal() && colours_are_wanted();
            report::text(&findings, if is_coloured { Colour::On } else { Colour::Off })
        }
        ExplainFormat::Json => report::json(&findings, geteuid().as_raw()),
    };
    print(&text).map_err(trouble)?;
    // Whoever names features wants all of them; who does not wants containers.
    let mut needed =
        findings.iter().filter(|finding| !args.features.is_empty() || finding.check.name == checks::ORDINARY);
    Ok(if needed.all(|finding| finding.outcome.is_ok()) { Exit::Success } else { Exit::No })
}

fn trouble(failure: Failure) -> Failure {
    Failure { exit: Exit::Trouble, ..failure }
}

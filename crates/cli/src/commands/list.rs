//! `list`. Runs in: parent.

use std::{
    collections::HashMap,
    fs,
    io::{self, IsTerminal as _},
};

use brig_runtime::list::{self, Listing};
use brig_runtime::record::Timestamp;
use rustix::io::Errno;

use super::{Outcome, print_and_succeed, state::document, store};
use crate::{
    args::{
        Global,
        command::{ListArgs, TableFormat},
    },
    exit::Failure,
    log::colours_are_wanted,
    output::{
        Colour,
        list::{list_ids, list_json, list_live, list_table},
    },
};

pub(super) fn run(global: &Global, args: ListArgs) -> Outcome {
    let listing = listing(global)?;
    for problem in &listing.problems {
        super::print_error(&problem.to_string());
    }
    let owners = owners(&listing);
    let created: Vec<String> = listing.states.iter().map(|state| state.created.to_string()).collect();
    let documents: Vec<_> = listing
        .states
        .iter()
        .zip(&created)
        .map(|(state, created)| document(state, created, owners.get(&state.owner).map_or("", String::as_str)))
        .collect();
    let text = match args {
        ListArgs { quiet: true, .. } => list_ids(&documents),
        ListArgs { format: TableFormat::Table, .. } if io::stdout().is_terminal() => {
            let colour = if colours_are_wanted() { Colour::On } else { Colour::Off };
            list_live(&documents, &ages(&listing), colour)
        }
        ListArgs { format: TableFormat::Table, .. } => list_table(&documents),
        ListArgs { format: TableFormat::Json, .. } => {
            list_json(&documents).map_err(|error| Failure::new(error.to_string()))?
        }
    };
    print_and_succeed(&text)
}

/// A default store that is not there yet is empty; one that was named has to be there.
fn listing(global: &Global) -> Result<Listing, Failure> {
    match list::list(&store::open(global)?) {
        Err(error) if global.root.is_none() && error.errno() == Some(Errno::NOENT) => Ok(Listing::default()),
        listed => Ok(listed?),
    }
}

/// How many seconds ago each was created.
fn ages(listing: &Listing) -> Vec<u64> {
    let now = Timestamp::now().secs;
    listing.states.iter().map(|state| u64::try_from(now - state.created.secs).unwrap_or(0)).collect()
}

/// The owners by name, or as `#uid`.
fn owners(listing: &Listing) -> HashMap<u32, String> {
    if listing.states.is_empty() {
        return HashMap::new();
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = |uid| (uid, name_of(&users, uid).map_or_else(|| format!("#{uid}"), str::to_owned));
    listing.states.iter().map(|state| named(state.owner)).collect()
}

/// The first user of that id: passwd(5).
fn name_of(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_user_is_the_first_of_that_id() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# a comment\nbad\n\na:x:7:7::/:\nb:x:7:7::/:\n";
        assert_eq!([0, 7, 8].map(|uid| name_of(users, uid)), [Some("root"), Some("a"), None]);
    }
}

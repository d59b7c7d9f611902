//! All containers of a store.
//! Runs in: the parent.

use crate::error::{Error, Result};
use crate::record::Part;
use crate::state::{self, State};
use crate::store::{ContainerId, Store};

/// What is in a store.
#[derive(Debug, Default)]
pub struct Listing {
    /// Its containers, by name.
    pub states: Vec<State>,
    /// Directories that are none, or of which too little can be read: the words to report, and the failure.
    pub problems: Vec<Error>,
}

/// Lists the containers; what makes no sense is reported in [`Listing::problems`] and hides nothing else. A container that
/// is deleted meanwhile is left out.
///
/// # Errors
/// `Os`: NOENT if there is no store.
pub fn list(store: &Store) -> Result<Listing> {
    let mut listing = Listing::default();
    for name in store.ids()? {
        match look(store, &name) {
            Ok(state) => listing.states.push(state),
            Err(error) if error.is_not_found() && is_gone(store, &name) => {}
            Err(error) => listing.problems.push(error),
        }
    }
    Ok(listing)
}

fn look(store: &Store, name: &str) -> Result<State> {
    let load = || store.load(&ContainerId::new(name)?, Part::Head);
    let (place, record) = load().map_err(|error| error.within(format_args!("load container {name}")))?;
    state::of(&place, &record).map_err(|error| error.within(format_args!("status for {name}")))
}

fn is_gone(store: &Store, name: &str) -> bool {
    !store.root().join(name).exists()
}

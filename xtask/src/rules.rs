//! The house rules that are read off the text of the files; one function each, pure.
//! CONTRIBUTING.md says what they are for.

mod count;
mod fences;
mod safety;
mod size;
mod words;

use crate::deps;
use crate::docs;
use crate::sources::{Finding, Tree};

/// A house rule: its name, and what breaks it.
pub(crate) type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

/// Every rule about text, in the order in which they are reported.
pub(crate) const RULES: [Rule; 14] = [
    ("every file opens with //!", words::file_opens_with_its_purpose),
    ("no file over 400 lines without its tests", size::file_is_short),
    ("no function over 80 lines", size::function_is_short),
    ("unsafe only in sys and in brig-init's entry and arena", fences::unsafe_is_fenced),
    ("ARCHITECTURE.md counts unsafe", count::unsafe_is_counted),
    ("every unsafe block says why it is sound", safety::unsafe_is_explained),
    ("no SAFETY comment says nothing", safety::explanation_is_a_fact),
    ("no SAFETY comment stands more than twice in a file", safety::explanation_is_not_copied),
    ("no mod utils", words::no_module_without_a_subject),
    ("init and cgroup cannot name Spec", words::spec_stays_in_plan),
    ("no paths of one machine", words::no_machine_paths),
    ("every block of the docs is in a notation", docs::blocks_are_in_the_notation),
    ("every link of the docs leads somewhere", docs::links_lead_somewhere),
    ("no dependency compiles or links C", deps::nothing_links_c),
];

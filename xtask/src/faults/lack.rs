//! Acts on a kernel that lacks a feature: they end as they do otherwise, or are refused by the feature's name.

use super::acts::Act;
use super::judge::of_the_end;
use super::scene::Played;
use crate::old::Feature;

/// The acts that tell most; all others on demand.
pub(super) const TELLING: [&str; 4] = ["create", "run", "exec", "delete --force, shared PID namespace"];

/// How an act ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// As always.
    Same,
    /// With an error that names the feature, and nothing left.
    Refused,
    /// What is wrong.
    Wrong(Vec<String>),
}

/// What came of `act` without `feature`. `unharmed` is what comes of it otherwise.
pub(super) fn judge(act: &Act, feature: Feature, played: &Played, unharmed: &str) -> Ending {
    let mut wrong = of_the_end(played);
    let mut refused = false;
    match &played.outcome {
        Some(Ok(now)) if without_filters(now) == without_filters(unharmed) => {}
        Some(Ok(_)) => wrong.push("other walls, and no failure".to_owned()),
        Some(Err(reason)) => wrong.push(reason.clone()),
        None => {
            refused = feature.is_named_in(&played.errors);
            wrong.extend(played.left_by_itself.iter().map(|what| format!("it leaves {what}")));
            if !refused {
                wrong.push(format!("it does not name the feature: {}", played.errors.trim()));
            }
            if played.traced.code != act.fails_with {
                wrong.push(format!("it ends with {}", played.traced.code));
            }
        }
    }
    match (wrong.is_empty(), refused) {
        (true, true) => Ending::Refused,
        (true, false) => Ending::Same,
        (false, _) => Ending::Wrong(wrong),
    }
}

/// The walls, but for how many filters there are: what takes the feature away is one.
fn without_filters(walls: &str) -> Vec<&str> {
    walls.lines().filter(|line| !line.starts_with("Seccomp_filters:")).collect()
}

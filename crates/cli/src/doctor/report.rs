//! What was found, for people and for programs. Runs in: parent; pure.

use serde_json::json;

use super::{Finding, checks::ORDINARY};
use crate::output::Colour;

/// A heading for each group; a line for each feature: works or missing, name, what needs it; below it what was found.
pub(crate) fn text(findings: &[Finding], colour: Colour) -> String {
    let width = findings.iter().map(|finding| finding.check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut group = "";
    let mut causes: Vec<&str> = Vec::new();
    for finding in findings {
        let check = finding.check;
        if check.group != group {
            group = check.group;
            text.push_str(&format!("{}{group}\n", if text.is_empty() { "" } else { "\n" }));
        }
        let (state, code) = if finding.outcome.is_ok() { ("works  ", 32) } else { ("missing", 33) };
        let state = match colour {
            Colour::On => format!("\x1b[{code}m{state}\x1b[0m"),
            Colour::Off => state.to_owned(),
        };
        text.push_str(&format!("  {state}  {:width$}  {}\n", check.name, check.purpose));
        let (Ok(detail) | Err(detail)) = &finding.outcome;
        // The same cause is told once.
        let (reason, cause) = detail.split_once("; ").unwrap_or((detail, ""));
        let detail = if causes.contains(&cause) { reason } else { detail };
        if !cause.is_empty() {
            causes.push(cause);
        }
        if !detail.is_empty() {
            text.push_str(&format!("           {:width$}  - {detail}\n", ""));
        }
    }
    text + "\n" + &verdict(findings) + "\n"
}

fn verdict(findings: &[Finding]) -> String {
    let missing = findings.iter().filter(|finding| finding.outcome.is_err()).count();
    let counts = format!("{} of {} features work", findings.len() - missing, findings.len());
    match findings.iter().find(|finding| finding.check.name == ORDINARY) {
        Some(finding) if finding.outcome.is_ok() => format!("an ordinary container runs here; {counts}"),
        Some(_) => format!("no ordinary container runs here; {counts}"),
        None => counts,
    }
}

/// `{"ordinary": bool, "user": uid, "features": [{"group", "name", "purpose", "works", "detail"}]}`; `ordinary` is null where
/// that was not asked for.
pub(crate) fn json(findings: &[Finding], user: u32) -> String {
    let feature = |finding: &Finding| {
        let (Ok(detail) | Err(detail)) = &finding.outcome;
        let check = finding.check;
        json!({
            "group": check.group, "name": check.name, "purpose": check.purpose,
            "works": finding.outcome.is_ok(), "detail": detail,
        })
    };
    let ordinary = findings.iter().find(|finding| finding.check.name == ORDINARY);
    let document = json!({
        "ordinary": ordinary.map(|finding| finding.outcome.is_ok()),
        "user": user,
        "features": findings.iter().map(feature).collect::<Vec<_>>(),
    });
    document.to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::checks::ALL;

    fn findings() -> Vec<Finding> {
        let outcomes = [Ok(String::new()), Err("no".to_owned()), Ok("some".to_owned())];
        ALL.iter().zip(outcomes).map(|(check, outcome)| Finding { check, outcome }).collect()
    }

    #[test]
    fn a_person_reads_columns() {
        let expected = "\
container
  works    container   run what `brig spec` describes
  missing  terminal    process.terminal; docker run -t
                       - no
  works    user-range  more than one id in a user namespace: linux.uidMappings
                       - some

an ordinary container runs here; 2 of 3 features work
";
        assert_eq!(text(&findings(), Colour::Off), expected);
        assert!(text(&findings(), Colour::On).contains("\x1b[33mmissing\x1b[0m"));
    }

    #[test]
    fn a_program_reads_json() {
        let document: serde_json::Value = serde_json::from_str(&json(&findings(), 7)).unwrap();
        assert_eq!((&document["ordinary"], &document["user"]), (&json!(true), &json!(7)));
        assert_eq!(document["features"][1]["works"], false);
        assert_eq!(document["features"][1]["detail"], "no");
        let others: serde_json::Value = serde_json::from_str(&json(&findings()[1..], 7)).unwrap();
        assert_eq!(others["ordinary"], serde_json::Value::Null);
    }

    #[test]
    fn each_feature_has_a_name_of_its_own() {
        for (place, check) in ALL.iter().enumerate() {
            assert!(ALL[place + 1..].iter().all(|other| other.name != check.name), "{}", check.name);
        }
    }
}

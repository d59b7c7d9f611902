//! What `list` prints. Runs in: parent.

use super::{state::StateDocument, table::columns};

/// The table for people: one line per container under a heading.
#[must_use]
pub fn list_table(documents: &[StateDocument<'_>]) -> String {
    let pids: Vec<String> = documents.iter().map(|document| document.pid.to_string()).collect();
    let mut rows = vec![["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]];
    rows.extend(documents.iter().zip(&pids).map(|(document, pid)| {
        [document.id, pid.as_str(), document.status, document.bundle, document.created, document.owner]
    }));
    columns(&rows)
}

/// The ids, one per line (`--quiet`).
#[must_use]
pub fn list_ids(documents: &[StateDocument<'_>]) -> String {
    documents.iter().flat_map(|document| [document.id, "\n"]).collect()
}

/// The state documents as one line of JSON. No containers are `null`, as callers of runc know it.
///
/// # Errors
/// None in practice: see [`indented`](super::indented).
pub fn list_json(documents: &[StateDocument<'_>]) -> serde_json::Result<String> {
    let listed = (!documents.is_empty()).then_some(documents);
    Ok(serde_json::to_string(&listed)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::{
        super::state::{StateDocument, tests::document},
        *,
    };

    #[test]
    fn the_table_has_a_heading_even_without_containers() {
        assert_eq!(list_table(&[]), "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
    }

    #[test]
    fn the_table_lines_up() {
        let documents = [StateDocument { owner: "root", ..document("c1") }, document("a-longer-name")];
        let expected = "\
ID              PID         STATUS      BUNDLE      CREATED                  OWNER
c1              42          running     /b          2026-11-21T19:41:23.5Z   root
a-longer-name   42          running     /b          2026-11-21T19:41:23.5Z   \n";
        assert_eq!(list_table(&documents), expected);
    }

    #[test]
    fn ids_stand_alone_on_their_lines() {
        assert_eq!(list_ids(&[document("a"), document("b")]), "a\nb\n");
        assert_eq!(list_ids(&[]), "");
    }

    #[test]
    fn json_is_one_line_and_null_when_empty() {
        assert_eq!(list_json(&[]).unwrap(), "null\n");
        let expected = r#"[{"ociVersion":"1.3.0","id":"c1","pid":42,"status":"running","bundle":"/b","rootfs":"/b/rootfs","created":"2026-11-21T19:41:23.5Z","owner":""}]"#;
        assert_eq!(list_json(&[document("c1")]).unwrap(), format!("{expected}\n"));
    }
}

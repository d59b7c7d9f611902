//! What `list` prints. Runs in: parent.

use super::{
    Colour,
    size::ago,
    state::StateDocument,
    table::{BETWEEN, columns, padded},
};

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

/// The same for a terminal: how long ago instead of when, the status in colour, and no pid of what has none.
/// `ages` are those of the documents, in seconds.
#[must_use]
pub fn list_live(documents: &[StateDocument<'_>], ages: &[u64], colour: Colour) -> String {
    let mut rows = vec![["ID", "STATUS", "PID", "CREATED", "OWNER", "BUNDLE"].map(str::to_owned)];
    rows.extend(documents.iter().zip(ages).map(|(document, age)| {
        let pid = if document.pid == 0 { "-".to_owned() } else { document.pid.to_string() };
        let [id, status, owner, bundle] =
            [document.id, document.status, document.owner, document.bundle].map(str::to_owned);
        [id, status, pid, ago(*age), owner, bundle]
    }));
    let mut table = String::new();
    for (place, mut row) in padded(rows).into_iter().enumerate() {
        if colour == Colour::On && place > 0 {
            row[1] = format!("\x1b[{}m{}\x1b[0m", status_code(row[1].trim_end()), row[1]);
        }
        let line = row.join(BETWEEN);
        table += &match (colour, place) {
            (Colour::On, 0) => format!("\x1b[1m{line}\x1b[0m\n"),
            _ => line + "\n",
        };
    }
    table
}

/// Green for what runs, yellow for what waits or is paused, grey for what is over.
fn status_code(status: &str) -> u8 {
    match status {
        "running" => 32,
        "created" | "creating" | "paused" => 33,
        _ => 90,
    }
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
    fn a_terminal_gets_ages_and_colours() {
        let expected = "\
ID  STATUS   PID  CREATED        OWNER  BUNDLE
c1  running  42   2 minutes ago         /b
";
        assert_eq!(list_live(&[document("c1")], &[130], Colour::Off), expected);
        assert!(list_live(&[document("c1")], &[130], Colour::On).contains("\x1b[32mrunning\x1b[0m  42"));
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

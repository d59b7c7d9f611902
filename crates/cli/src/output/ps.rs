//! What `ps` prints. Runs in: parent.

/// The pids as one line of JSON. No pids are `null`, as callers of runc know it.
///
/// # Errors
/// None in practice: see [`indented`](super::indented).
pub fn ps_json(pids: &[i32]) -> serde_json::Result<String> {
    let listed = (!pids.is_empty()).then_some(pids);
    Ok(serde_json::to_string(&listed)? + "\n")
}

/// The heading of ps(1)'s output and those of its lines whose PID is among `pids`.
///
/// # Errors
/// The message: no PID in the heading, or a line without a number there.
pub fn ps_table(output: &str, pids: &[i32]) -> Result<String, String> {
    let mut lines = output.lines();
    let heading = lines.next().unwrap_or_default();
    let column = heading.split_whitespace().position(|title| title == "PID");
    let column = column.ok_or("couldn't find PID field in ps output")?;
    let mut out = format!("{heading}\n");
    for line in lines.filter(|line| !line.is_empty()) {
        let pid = line.split_whitespace().nth(column).unwrap_or_default();
        let pid: i32 = pid.parse().map_err(|_| format!("unable to parse pid: {line}"))?;
        if pids.contains(&pid) {
            out.push_str(line);
            out.push('\n');
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_a_list_of_numbers_or_null() {
        assert_eq!(ps_json(&[1, 20]).unwrap(), "[1,20]\n");
        assert_eq!(ps_json(&[]).unwrap(), "null\n");
    }

    #[test]
    fn the_table_keeps_the_lines_of_the_container() {
        let output = "UID          PID    PPID CMD\nroot           1       0 init\nroot          20       1 sh -c 7\n\n";
        assert_eq!(
            ps_table(output, &[20, 7]).unwrap(),
            "UID          PID    PPID CMD\nroot          20       1 sh -c 7\n"
        );
    }

    #[test]
    fn output_that_has_no_pids_is_refused() {
        assert_eq!(ps_table("COMMAND\nsh\n", &[1]), Err("couldn't find PID field in ps output".to_owned()));
        assert_eq!(ps_table("", &[1]), Err("couldn't find PID field in ps output".to_owned()));
        assert_eq!(ps_table("A PID\nx y\n", &[1]), Err("unable to parse pid: x y".to_owned()));
        assert_eq!(ps_table("A PID\nx\n", &[1]), Err("unable to parse pid: x".to_owned()));
    }
}

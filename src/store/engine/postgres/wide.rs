//! Statements for many rows, made of the statements for one.
//!
//! The parameters become arrays, and the rows of these arrays the table `w`. So one statement does for the rows of many
//! jobs what the statement of the store does for those of one: PostgreSQL parses, plans and answers it once.

use tokio_postgres::types::Type;

/// Column of the result of a question: whose answer the row belongs to, from 1.
pub(super) const ASKED: &str = "asked";

/// Returns the statement that does for many rows what `sql` does for one, whose parameters have the types `kinds`; none if
/// it cannot be written so.
pub(super) fn widen(sql: &str, kinds: &[Type]) -> Option<String> {
    if kinds.is_empty() {
        return None;
    }
    let sql = &replace_parameters(sql);
    let verb = sql.split_ascii_whitespace().next()?;
    let arrays: Vec<String> = (1..)
        .zip(kinds)
        .map(|(place, kind)| format!("${place}::{}[]", kind.name()))
        .collect();
    let places: Vec<String> = (1..=kinds.len()).map(|place| format!("p{place}")).collect();
    let (arrays, places) = (arrays.join(", "), places.join(", "));
    let rows = format!("unnest({arrays}) AS w ({places})");
    Some(match verb {
        "SELECT" => format!(
            "SELECT v.*, w.{ASKED} FROM unnest({arrays}) WITH ORDINALITY AS w ({places}, {ASKED}) CROSS JOIN LATERAL ({sql}) AS v"
        ),
        "INSERT" if outermost(sql, "RETURNING").is_some() => return None,
        "INSERT" => {
            let (into, source) =
                sql.split_at(outermost(sql, "VALUES").or_else(|| outermost(sql, "SELECT"))?);
            let (source, conflict) =
                source.split_at(outermost(source, "ON CONFLICT").unwrap_or(source.len()));
            format!("{into}SELECT v.* FROM {rows} CROSS JOIN LATERAL ({source}) AS v {conflict}")
        }
        "UPDATE" | "DELETE" => {
            let (what, condition) = sql.split_at(outermost(sql, "WHERE")?);
            let joined = if verb == "UPDATE" { "FROM" } else { "USING" };
            format!("{what}{joined} {rows} {condition}")
        }
        _ => return None,
    })
}

/// Replaces the parameters `$1`, `$2` of `sql` by columns of `w`.
fn replace_parameters(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 32);
    for (index, part) in sql.split('\'').enumerate() {
        if index > 0 {
            text.push('\'');
        }
        if index % 2 == 0 {
            text.push_str(&part.replace('$', "w.p"));
        } else {
            text.push_str(part);
        }
    }
    text
}

/// Returns where the words `words` are in `sql`, outside parentheses and texts.
fn outermost(sql: &str, words: &str) -> Option<usize> {
    let (mut depth, mut is_text) = (0_u32, false);
    for (place, char) in sql.char_indices() {
        match char {
            '\'' => is_text = !is_text,
            '(' if !is_text => depth += 1,
            ')' if !is_text => depth = depth.saturating_sub(1),
            _ if depth == 0 && !is_text && sql[place..].starts_with(words) => return Some(place),
            _ => (),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_the_rows_of_a_table() {
        let wide = |sql: &str| widen(sql, &[Type::UUID, Type::INT8]).expect("widened");
        let rows = "unnest($1::uuid[], $2::int8[]) AS w (p1, p2)";
        assert_eq!(
            wide("UPDATE calls SET a = (SELECT b FROM c WHERE d = $2) WHERE id = $1"),
            format!(
                "UPDATE calls SET a = (SELECT b FROM c WHERE d = w.p2) FROM {rows} WHERE id = w.p1"
            )
        );
        assert_eq!(
            wide("DELETE FROM live WHERE call = $1 AND b = '$2'"),
            format!("DELETE FROM live USING {rows} WHERE call = w.p1 AND b = '$2'")
        );
        assert_eq!(
            wide("INSERT INTO a (b) VALUES ($1), ($2) ON CONFLICT (b) DO NOTHING"),
            format!(
                "INSERT INTO a (b) SELECT v.* FROM {rows} CROSS JOIN LATERAL (VALUES (w.p1), (w.p2) ) AS v ON CONFLICT (b) DO NOTHING"
            )
        );
        assert_eq!(
            wide("SELECT a FROM b WHERE c = $1 AND d = $2"),
            "SELECT v.*, w.asked FROM unnest($1::uuid[], $2::int8[]) WITH ORDINALITY AS w (p1, p2, asked) \
             CROSS JOIN LATERAL (SELECT a FROM b WHERE c = w.p1 AND d = w.p2) AS v"
        );
        assert_eq!(widen("LOCK TABLE a", &[Type::UUID]), None);
        assert_eq!(widen("UPDATE live SET a = 1", &[Type::UUID]), None);
    }
}

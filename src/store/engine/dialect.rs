//! Text of statements for PostgreSQL, made of the text for SQLite.
//!
//! Parameters become `$1`, and the column `user` is quoted: without quotes it means the current user there.

/// Text of a statement for PostgreSQL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Translation {
    /// The text.
    pub sql: String,
    /// Names of the parameters in their order, if they have names.
    pub names: Vec<String>,
}

impl Translation {
    /// Translates `sql`.
    pub fn of(sql: &str) -> Self {
        let mut translation = Self {
            sql: String::with_capacity(sql.len() + 16),
            names: Vec::new(),
        };
        let mut rest = sql;
        while !rest.is_empty() {
            rest = translation.take(rest);
        }
        translation
    }

    /// Translates the first token of `text`; returns what follows it.
    fn take<'t>(&mut self, text: &'t str) -> &'t str {
        let first = text.chars().next().unwrap_or(' ');
        match first {
            '\'' | '"' => {
                let end = text[1..].find(first).map_or(text.len(), |end| end + 2);
                self.copy(text, end)
            }
            '?' => {
                self.sql.push('$');
                &text[1..]
            }
            ':' => {
                let end = word_end(&text[1..]) + 1;
                let place = self.place(&text[..end]);
                self.sql.push('$');
                self.sql.push_str(&place.to_string());
                &text[end..]
            }
            _ if is_of_word(first) => {
                let end = word_end(text);
                if &text[..end] == "user" {
                    self.sql.push_str("\"user\"");
                    return &text[end..];
                }
                self.copy(text, end)
            }
            _ => self.copy(text, first.len_utf8()),
        }
    }

    fn copy<'t>(&mut self, text: &'t str, end: usize) -> &'t str {
        self.sql.push_str(&text[..end]);
        &text[end..]
    }

    /// Returns the place of the parameter `name`, from 1.
    fn place(&mut self, name: &str) -> usize {
        let known = self.names.iter().position(|one| one == name);
        known.map_or_else(
            || {
                self.names.push(name.to_owned());
                self.names.len()
            },
            |place| place + 1,
        )
    }
}

fn is_of_word(one: char) -> bool {
    one.is_ascii_alphanumeric() || one == '_'
}

fn word_end(text: &str) -> usize {
    text.find(|one| !is_of_word(one)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_the_column_user_are_translated() {
        let named = Translation::of(
            "SELECT l.user, 'user :x?' FROM users WHERE a = :b AND c = :d AND e = :b",
        );
        assert_eq!(
            named.sql,
            "SELECT l.\"user\", 'user :x?' FROM users WHERE a = $1 AND c = $2 AND e = $1"
        );
        assert_eq!(named.names, [":b", ":d"]);
        let ordered = Translation::of("UPDATE live SET user = ?12 WHERE user_id = ?1");
        assert_eq!(
            ordered.sql,
            "UPDATE live SET \"user\" = $12 WHERE user_id = $1"
        );
        assert!(ordered.names.is_empty());
    }
}

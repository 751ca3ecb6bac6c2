//! Rows that cannot be read or changed: each is logged once, counted and skipped, so that the rows after it are handled.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::error::Error;

/// Registry of the rows that a running server skips. It lasts until the restart: whoever repairs a row restarts the
/// server. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct UnreadableRows(Arc<Mutex<BTreeSet<(&'static str, String)>>>);

impl UnreadableRows {
    /// Records a row; `found` is what is wrong with its `column`. Logs it the first time.
    pub fn record(&self, table: &'static str, column: &str, id: String, found: &str) {
        let mut rows = self.0.lock();
        if rows.contains(&(table, id.clone())) {
            return;
        }
        tracing::error!(
            table,
            column,
            row = id,
            found,
            "a database row cannot be used and is skipped; `chattrix db check` lists such rows"
        );
        rows.insert((table, id));
    }

    /// Returns whether the row is skipped.
    pub fn contains(&self, table: &'static str, id: String) -> bool {
        let rows = self.0.lock();
        !rows.is_empty() && rows.contains(&(table, id))
    }

    /// Returns how many rows are skipped.
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// Returns the value of a row, or none if the row cannot be read and is skipped from now on.
    pub fn skip<T>(&self, row: Result<T, Error>) -> Result<Option<T>, Error> {
        match row {
            Ok(value) => Ok(Some(value)),
            Err(Error::Inconsistent {
                table,
                column,
                id,
                found,
            }) => {
                self.record(table, column, id, &found);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

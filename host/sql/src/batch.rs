//! A query's rows, a batch at a time, held against the limits of all of them.

use crate::statement::check_bytes;
use crate::{Error, Limits, Result, Row, Value};

/// A batch is about as long, in bytes.
const BATCH_BYTES: u64 = 64 << 10;
/// Likewise, in rows.
const BATCH_ROWS: usize = 512;

/// The batch that is being filled, and what was read before it.
pub(crate) struct Batch<'a> {
    limits: &'a Limits,
    rows: Vec<Row>,
    bytes: u64,
    rows_read: u64,
    bytes_read: u64,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self { limits, rows: Vec::new(), bytes: 0, rows_read: 0, bytes_read: 0 }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// Adds a row, unless with it there are too many of them, or too many bytes.
    pub(crate) fn add(&mut self, row: Row) -> Result<()> {
        let bytes = row.iter().map(Value::bytes).sum::<u64>();
        self.bytes += bytes;
        self.bytes_read += bytes;
        self.rows_read += 1;
        if self.rows_read > self.limits.query_rows {
            return Err(Error::TooLarge(format!(
                "the query has more than {} rows, which is query_rows; read them in pages",
                self.limits.query_rows
            )));
        }
        check_bytes(self.bytes_read, self.limits)?;
        self.rows.push(row);
        Ok(())
    }

    /// The batch; the next one is begun.
    pub(crate) fn take(&mut self) -> Vec<Row> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }
}

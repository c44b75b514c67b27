//! What a handler's statements may do on a connection, beyond what their first words say.
//!
//! They reach no other file and no setting, and leave nothing on the connection: what could
//! not be taken back is refused. And no one instruction of theirs takes long, since SQLite
//! can be interrupted only between two: values and patterns are short, what is more than
//! linear is not there or replaced ([`functions`](super::functions)), and a statement is no
//! long row of calls.

use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

use super::clock::Clock;
use super::functions;
use crate::Limits;

/// How many instructions SQLite runs between two looks at the clock.
const INSTRUCTIONS: i32 = 100;

/// What may be read of the schema, through the table-valued functions `pragma_…`.
const READABLE: [&str; 7] = [
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Functions that are not there: their work grows with the square of what they are given, or
/// what they make is not bounded by the size of a value, or they tell of others' sessions.
pub(super) const REFUSED: [&str; 12] = [
    "fts3_tokenizer",
    "json_patch",
    "json_pretty",
    "jsonb_patch",
    "load_extension",
    "matchinfo",
    "offsets",
    "optimize",
    "rtreecheck",
    "snippet",
    "sqlite_log",
    "total_changes",
];

/// What one statement may have of each, at most.
const SIZES: [(Limit, i32); 6] = [
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
    (Limit::SQLITE_LIMIT_VDBE_OP, 1_000_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 100),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    // Each of its characters is compared with each of the text's.
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 128),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// Holds all that the connection prepares from now on to the rules.
pub(super) fn restrict(
    sqlite: &mut rusqlite::Connection,
    limits: &Limits,
    clock: &Arc<Clock>,
) -> rusqlite::Result<()> {
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    let longest = i32::try_from(limits.value_bytes.min(limits.query_bytes)).unwrap_or(i32::MAX);
    sqlite.set_limit(Limit::SQLITE_LIMIT_LENGTH, longest)?;
    for (limit, most) in SIZES {
        sqlite.set_limit(limit, most)?;
    }
    functions::replace(sqlite, longest.unsigned_abs() as usize)?;
    let of_handler = clock.clone();
    sqlite.progress_handler(INSTRUCTIONS, Some(move || of_handler.is_over()))?;
    let of_rules = clock.clone();
    sqlite.authorizer(Some(move |context: AuthContext<'_>| judge(&context, &of_rules)))
}

fn judge(context: &AuthContext<'_>, clock: &Clock) -> Authorization {
    let allowed = clock.lets_all_pass()
        || match context.action {
            AuthAction::Attach { .. } | AuthAction::Detach { .. } => false,
            AuthAction::Pragma { pragma_name, .. } => READABLE.contains(&pragma_name),
            AuthAction::CreateTempIndex { .. }
            | AuthAction::CreateTempTable { .. }
            | AuthAction::CreateTempTrigger { .. }
            | AuthAction::CreateTempView { .. }
            | AuthAction::DropTempIndex { .. }
            | AuthAction::DropTempTable { .. }
            | AuthAction::DropTempTrigger { .. }
            | AuthAction::DropTempView { .. } => false,
            // Their modules work for as long as they like; migrations may make them.
            AuthAction::CreateVtable { .. } => false,
            AuthAction::AlterTable { database_name, .. } => database_name != TEMP,
            AuthAction::Insert { .. } | AuthAction::Update { .. } | AuthAction::Delete { .. } => {
                context.database_name != Some(TEMP)
            }
            AuthAction::Read { table_name, .. } => {
                !table_name.eq_ignore_ascii_case("dbstat") && context.database_name != Some(TEMP)
            }
            AuthAction::Function { function_name } => {
                let refused = REFUSED.iter().any(|name| function_name.eq_ignore_ascii_case(name));
                !refused && clock.count_call()
            }
            _ => true,
        };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

/// The schema of what is temporary.
const TEMP: &str = "temp";

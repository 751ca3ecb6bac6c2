//! Filter options of `call list` and `call watch`.

use chattrix::call::{CallType, Status};
use chattrix::user::UserId;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::super::token::user_id;

/// Filter: a call must match every option.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Show only live calls, INITIATING to ACTIVE
    #[arg(long)]
    pub live: bool,
    /// Show only calls with this caller or callee
    #[arg(long, value_name = "ID", value_parser = user_id)]
    pub user: Option<UserId>,
    /// Show only calls in this status
    #[arg(long, value_parser = status(), ignore_case = true)]
    pub status: Option<Status>,
    /// Show only calls of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = call_type(), ignore_case = true)]
    pub call_type: Option<CallType>,
}

fn status() -> impl TypedValueParser<Value = Status> {
    one_of(Status::ALL, Status::as_str)
}

fn call_type() -> impl TypedValueParser<Value = CallType> {
    one_of(CallType::ALL, CallType::as_str)
}

/// Parses one of `all` by its word; clap lists them and suggests the nearest.
fn one_of<T, const N: usize>(
    all: [T; N],
    word: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.map(word)).map(move |said| {
        let meant = all
            .into_iter()
            .find(|one| word(*one).eq_ignore_ascii_case(&said));
        meant.expect("clap lets only these words through")
    })
}

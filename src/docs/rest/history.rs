//! `/api/v1/calls/history` and `/api/v1/calls/statistics`.

use utoipa::openapi::path::{HttpMethod, Parameter};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::call::history::Tally;
use crate::call::{CallType, Direction, EntryId, Outcome, PastCall, Statistics};
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::service::Error;
use crate::wire::query::{self, Parameters};
use crate::wire::{history as shape, value};

use super::{Description, Example, Route, nothing, path_parameter, query_parameter, success};

const TAG: &str = "History";

pub(super) fn routes() -> Vec<Route> {
    vec![
        page(),
        delete_all(),
        delete_one(),
        unseen(),
        mark_seen(),
        statistics(),
    ]
}

fn page() -> Route {
    const MESSAGE: &str = "Call history retrieved successfully";
    let last = example::value(&shape::page(MESSAGE, &[completed()], None));
    let first = shape::page(MESSAGE, &[rejected()], Some(example::next_call_id()));
    Description {
        tag: TAG,
        id: "getHistory",
        summary: "Get a page of one's history",
        description: "The user's calls that are over, the newest first. Both participants get an entry when a call \
            becomes final, each with the call as they saw it; a participant who deletes an entry takes nothing from \
            the other. The next page is asked for with the `nextCursor` of this one and the same filters; entries \
            that come or go meanwhile neither repeat nor hide others.",
        parameters: page_parameters(),
        body: None,
        success: success(
                "A page.",
                MESSAGE,
                schemas::of::<shape::PageShape<'_>>(),
                [
                    Example("last_page", "All there is.", last),
                    Example(
                        "first_page",
                        "A page of one entry, with more to come.",
                        example::value(&first),
                    ),
                ],
            ),
        refusals: vec![
            wrong_parameter("wrong_limit", "The limit is no number from 1 to 100.", ("limit", "0")),
            wrong_parameter("wrong_cursor", "The cursor is none that was given.", ("cursor", "yesterday")),
            wrong_parameter("wrong_status", "There is no such status.", ("status", "ENDED")),
        ],
    }
    .for_users(HttpMethod::Get, "/api/v1/calls/history")
}

fn page_parameters() -> Vec<Parameter> {
    let limit = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(query::LONGEST_PAGE))
        .default(Some(query::PAGE.into()));
    let text = ObjectBuilder::new().schema_type(Type::String);
    vec![
        query_parameter("limit", limit, "How many entries a page has at most."),
        query_parameter(
            "cursor",
            text,
            "The `nextCursor` of the page before; none, or an empty one, is the first page's.",
        ),
        query_parameter(
            "status",
            schemas::of::<value::HistoryStatus>(),
            "Only calls that went like this.",
        ),
        query_parameter(
            "callType",
            schemas::of::<value::CallType>(),
            "Only calls of this type.",
        ),
        query_parameter(
            "direction",
            schemas::of::<value::Direction>(),
            "Only calls that went this way.",
        ),
    ]
}

fn delete_all() -> Route {
    const MESSAGE: &str = "Call history deleted successfully";
    Description {
        tag: TAG,
        id: "deleteHistory",
        summary: "Delete one's history",
        description: "Deletes all of the user's entries. The other participants keep theirs, and the calls stay as \
            they are.",
        parameters: Vec::new(),
        body: None,
        success: success(
                "How many entries there were.",
                MESSAGE,
                schemas::of::<shape::Deleted>(),
                [Example(
                    "deleted",
                    "There was one entry.",
                    example::value(&shape::deleted(MESSAGE, 1)),
                )],
            ),
        refusals: Vec::new(),
    }
    .for_users(HttpMethod::Delete, "/api/v1/calls/history")
}

fn delete_one() -> Route {
    const MESSAGE: &str = "Call history entry deleted successfully";
    let id = path_parameter(
        "id",
        schemas::of::<value::HistoryEntryId>(),
        completed().id.to_string(),
        "The entry's id.",
    );
    Description {
        tag: TAG,
        id: "deleteHistoryEntry",
        summary: "Delete an entry of one's history",
        description: "Deletes one of the user's own entries. The other participant keeps theirs.",
        parameters: vec![id],
        body: None,
        success: nothing("The entry is gone.", MESSAGE, "done", "The entry is gone."),
        refusals: vec![Refusal::new(
            "no_entry",
            "There is no such entry in the user's own history.",
            Error::EntryNotFound,
        )],
    }
    .for_users(HttpMethod::Delete, "/api/v1/calls/history/{id}")
}

fn unseen() -> Route {
    const MESSAGE: &str = "Unseen calls retrieved successfully";
    Description {
        tag: TAG,
        id: "getUnseenCalls",
        summary: "Count one's unseen missed calls",
        description: "How many incoming calls the user has missed since it last marked its history as seen: the \
            number on an app's icon.",
        parameters: Vec::new(),
        body: None,
        success: success(
                "How many.",
                MESSAGE,
                schemas::of::<shape::Unseen>(),
                [
                    Example(
                        "missed",
                        "One call was missed.",
                        example::value(&shape::unseen(MESSAGE, 1)),
                    ),
                    Example(
                        "none",
                        "Nothing was missed.",
                        example::value(&shape::unseen(MESSAGE, 0)),
                    ),
                ],
            ),
        refusals: Vec::new(),
    }
    .for_users(HttpMethod::Get, "/api/v1/calls/history/unseen")
}

fn mark_seen() -> Route {
    const MESSAGE: &str = "Call history marked as seen successfully";
    Description {
        tag: TAG,
        id: "markHistorySeen",
        summary: "Mark one's history as seen",
        description: "The user has seen its missed calls so far: none of them is unseen from here on.",
        parameters: Vec::new(),
        body: None,
        success: nothing("They are seen.", MESSAGE, "done", "They are seen."),
        refusals: Vec::new(),
    }
    .for_users(HttpMethod::Post, "/api/v1/calls/history/seen")
}

fn statistics() -> Route {
    const MESSAGE: &str = "Call statistics retrieved successfully";
    let counted = Statistics(vec![Tally {
        call_type: CallType::Video,
        outcome: Outcome::Completed,
        calls: 1,
        seconds: example::DURATION_SECONDS.into(),
    }]);
    let period = query_parameter(
        "period",
        schemas::of::<value::Period>(),
        "Which calls are counted; `all` where it is left out.",
    );
    let wrong = read(("period", "decade"))
        .period()
        .expect_err("no such period");
    Description {
        tag: TAG,
        id: "getStatistics",
        summary: "Count one's calls",
        description: "How many calls the user's history holds of a period, and how long they lasted. Entries that \
            were deleted do not count.",
        parameters: vec![period],
        body: None,
        success: success(
                "What was counted. Every type and every status is there, also where it counts 0.",
                MESSAGE,
                schemas::of::<shape::StatisticsShape>(),
                [Example(
                    "one_call",
                    "One call.",
                    example::value(&shape::statistics(MESSAGE, &counted)),
                )],
            ),
        refusals: vec![Refusal::new(
            "wrong_period",
            "There is no such period.",
            wrong,
        )],
    }
    .for_users(HttpMethod::Get, "/api/v1/calls/statistics")
}

/// The call of all examples, as the callee remembers it.
fn completed() -> PastCall {
    PastCall {
        id: EntryId {
            call: example::call_id(),
            direction: Direction::Incoming,
        },
        remote: example::caller(),
        call_type: CallType::Video,
        outcome: Outcome::Completed,
        duration_seconds: Some(example::DURATION_SECONDS),
    }
}

/// The call after it, which the callee rejects.
fn rejected() -> PastCall {
    PastCall {
        id: EntryId {
            call: example::next_call_id(),
            direction: Direction::Incoming,
        },
        outcome: Outcome::Rejected,
        duration_seconds: None,
        ..completed()
    }
}

fn wrong_parameter(name: &'static str, when: &'static str, pair: (&str, &str)) -> Refusal {
    let wrong = read(pair).history().expect_err("the example is wrong");
    Refusal::new(name, when, wrong)
}

fn read<'a>(pair: (&'a str, &'a str)) -> Parameters<'a> {
    std::iter::once(pair).collect()
}

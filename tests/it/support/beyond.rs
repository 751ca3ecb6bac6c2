//! Shapes of the responses that go beyond the specification (contract section 5), checked on all of them like those of
//! [`super::shape`].

use reqwest::Method;
use serde_json::Value;

use super::shape::{assert_fields, assert_timestamp};

const ITEM: [&str; 10] = [
    "id",
    "callId",
    "remoteUserId",
    "remoteUserName",
    "remoteUserAvatar",
    "callType",
    "status",
    "direction",
    "timestamp",
    "durationSeconds",
];

/// Checks the sentence and the data of a success of `method` at `path`, where it is one of these.
pub fn assert_data(method: &Method, path: &str, body: &Value) {
    let Some(path) = path.strip_prefix("/api/v1/") else {
        return;
    };
    let data = &body["data"];
    let segments: Vec<&str> = path.split('/').collect();
    let message = match (method.as_str(), segments.as_slice()) {
        ("GET", ["calls", "history"]) => {
            assert_page(data);
            "Call history retrieved successfully"
        }
        ("DELETE", ["calls", "history", _]) => {
            assert!(data.is_null(), "{body}");
            "Call history entry deleted successfully"
        }
        ("DELETE", ["calls", "history"]) => {
            assert_fields(data, &["deleted"], &[], path);
            assert!(data["deleted"].is_u64(), "{body}");
            "Call history deleted successfully"
        }
        ("GET", ["calls", "history", "unseen"]) => {
            assert_fields(data, &["missed"], &[], path);
            assert!(data["missed"].is_u64(), "{body}");
            "Unseen calls retrieved successfully"
        }
        ("POST", ["calls", "history", "seen"]) => {
            assert!(data.is_null(), "{body}");
            "Call history marked as seen successfully"
        }
        ("GET", ["calls", "statistics"]) => {
            assert_statistics(data);
            "Call statistics retrieved successfully"
        }
        ("POST", ["calls", _, "quality"]) => {
            assert!(data.is_null(), "{body}");
            "Call quality reported successfully"
        }
        ("GET", ["calls", _, "quality"]) => {
            assert_quality(data);
            "Call quality retrieved successfully"
        }
        ("GET", ["users", "status", "online"]) => {
            data.as_array()
                .expect("a list")
                .iter()
                .for_each(assert_status);
            "Online users retrieved successfully"
        }
        ("GET", ["users", "status", _]) => {
            assert_status(data);
            "User status retrieved successfully"
        }
        ("GET", ["users", "me", "availability"]) => {
            assert_availability(data);
            "Availability retrieved successfully"
        }
        ("PUT", ["users", "me", "availability"]) => {
            assert_availability(data);
            "Availability updated successfully"
        }
        ("POST", ["users", "blocks"]) => {
            assert_listed(data);
            "User blocked successfully"
        }
        ("GET", ["users", "blocks"]) => {
            data.as_array()
                .expect("a list")
                .iter()
                .for_each(assert_listed);
            "Blocked users retrieved successfully"
        }
        ("DELETE", ["users", "blocks", ..]) => {
            assert!(data.is_null(), "{body}");
            "User unblocked successfully"
        }
        ("POST", ["agora", "token", "generate"]) => {
            assert_agora_token(data);
            "Agora token generated successfully"
        }
        ("POST", ["agora", "token", "refresh"]) => {
            assert_agora_token(data);
            "Agora token refreshed successfully"
        }
        ("POST", ["contacts"]) => {
            assert_listed(data);
            "Contact added successfully"
        }
        ("GET", ["contacts"]) => {
            data.as_array()
                .expect("a list")
                .iter()
                .for_each(assert_listed);
            "Contacts retrieved successfully"
        }
        ("DELETE", ["contacts", ..]) => {
            assert!(data.is_null(), "{body}");
            "Contact removed successfully"
        }
        _ => return,
    };
    assert_eq!(body["message"], message, "{method} {path}");
}

fn assert_availability(data: &Value) {
    assert_fields(data, &["status", "until"], &[], "availability");
    let words = ["available", "do_not_disturb"];
    assert!(words.iter().any(|word| data["status"] == *word), "{data}");
    if !data["until"].is_null() {
        assert_timestamp(&data["until"]);
    }
}

fn assert_page(page: &Value) {
    assert_fields(page, &["items", "nextCursor"], &[], "page");
    let cursor = &page["nextCursor"];
    assert!(cursor.is_null() || cursor.is_string(), "{page}");
    for item in page["items"].as_array().expect("a list") {
        assert_fields(item, &ITEM, &[], "history entry");
        for text in ["id", "callId", "remoteUserId", "remoteUserName"] {
            assert!(item[text].is_string(), "{item}");
        }
        let avatar = &item["remoteUserAvatar"];
        assert!(avatar.is_null() || avatar.is_string(), "{item}");
        assert_timestamp(&item["timestamp"]);
        let one_of = |field: &str, words: &[&str]| words.iter().any(|word| item[field] == *word);
        assert!(one_of("callType", &["AUDIO", "VIDEO"]), "{item}");
        assert!(one_of("direction", &["INCOMING", "OUTGOING"]), "{item}");
        // Missed and rejected calls have no duration, the others do.
        if one_of("status", &["MISSED", "REJECTED"]) {
            assert!(item["durationSeconds"].is_null(), "{item}");
        } else {
            assert!(one_of("status", &["COMPLETED", "CANCELLED"]), "{item}");
            assert!(item["durationSeconds"].is_u64(), "{item}");
        }
    }
}

fn assert_statistics(statistics: &Value) {
    let fields = [
        "totalCalls",
        "totalDurationSeconds",
        "averageDurationSeconds",
        "callsByType",
        "callsByStatus",
    ];
    assert_fields(statistics, &fields, &[], "statistics");
    assert!(
        statistics["averageDurationSeconds"].is_number(),
        "{statistics}"
    );
    let by_type = &statistics["callsByType"];
    assert_fields(by_type, &["AUDIO", "VIDEO"], &[], "callsByType");
    let by_status = &statistics["callsByStatus"];
    let statuses = ["COMPLETED", "MISSED", "REJECTED", "CANCELLED"];
    assert_fields(by_status, &statuses, &[], "callsByStatus");
    for counts in [by_type, by_status] {
        let counts = counts.as_object().expect("an object").values();
        let sum: u64 = counts.map(|count| count.as_u64().expect("a count")).sum();
        assert_eq!(statistics["totalCalls"], sum, "{statistics}");
    }
}

fn assert_quality(quality: &Value) {
    assert_fields(quality, &["callId", "participants"], &[], "quality");
    let participants = quality["participants"].as_array().expect("a list");
    assert_eq!(participants.len(), 2, "{quality}");
    for participant in participants {
        let fields = [
            "userId",
            "reportCount",
            "worstQuality",
            "averagePacketLossRate",
            "averageRoundTripTime",
        ];
        assert_fields(participant, &fields, &[], "participant");
        let nothing = participant["reportCount"] == 0;
        assert_eq!(participant["worstQuality"].is_null(), nothing, "{quality}");
    }
}

fn assert_agora_token(data: &Value) {
    let fields = ["token", "channelId", "uid", "expiresAt"];
    assert_fields(data, &fields, &[], "Agora token");
    assert!(data["uid"].is_u64(), "{data}");
    assert_timestamp(&data["expiresAt"]);
}

fn assert_listed(listed: &Value) {
    let fields = ["userId", "name", "avatar", "createdAt"];
    assert_fields(listed, &fields, &[], "listed user");
    assert!(listed["userId"].is_string(), "{listed}");
    assert!(listed["name"].is_string(), "{listed}");
    let avatar = &listed["avatar"];
    assert!(avatar.is_null() || avatar.is_string(), "{listed}");
    assert_timestamp(&listed["createdAt"]);
}

fn assert_status(status: &Value) {
    let fields = ["userId", "isOnline", "activeSessionCount"];
    assert_fields(status, &fields, &[], "user status");
    let sessions = status["activeSessionCount"].as_u64().expect("a count");
    assert_eq!(status["isOnline"], sessions > 0, "{status}");
}

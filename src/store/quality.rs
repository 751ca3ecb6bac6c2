//! The table `quality`.

use std::ops::ControlFlow;

use rusqlite::{named_params, params};

use crate::call::quality::Mean;
use crate::call::{CallId, NetworkQuality, QualitySummary};

use super::enum_codes::{Columns, encode};
use super::error::Error;
use super::{Read, Write};

impl Read<'_> {
    /// What the caller and the callee have reported of a call, as far as it is stored.
    pub fn quality(&self, call: CallId) -> Result<[QualitySummary; 2], Error> {
        let sql = "SELECT * FROM quality WHERE call = ?1";
        let mut both = [QualitySummary::default(); 2];
        self.each(sql, params![call.as_bytes()], |row| {
            let columns = Columns {
                row,
                table: "quality",
                id: &call,
            };
            let place: usize = columns.get("participant")?;
            *both
                .get_mut(place)
                .ok_or_else(|| columns.impossible("participant", &place.to_string()))? =
                summary(&columns)?;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(both)
    }
}

impl Write<'_> {
    /// Adds what the caller and the callee have reported of a call to what is stored of it. A call that is pruned already is
    /// left out.
    pub fn add_quality(&self, call: CallId, reported: &[QualitySummary; 2]) -> Result<(), Error> {
        let mut both = self.quality(call)?;
        for (place, (summary, reported)) in (0..).zip(both.iter_mut().zip(reported)) {
            summary.merge(reported);
            if let (Some(_), Some(worst)) = (reported.worst, summary.worst) {
                self.save_summary(call, place, summary, worst)?;
            }
        }
        Ok(())
    }

    fn save_summary(
        &self,
        call: CallId,
        place: i64,
        summary: &QualitySummary,
        worst: NetworkQuality,
    ) -> Result<(), Error> {
        self.run("INSERT INTO quality
             SELECT :call, :participant, :reports, :worst, :loss_count, :loss_mean,
                    :round_trip_count, :round_trip_mean
             WHERE EXISTS (SELECT 1 FROM calls WHERE id = :call)
             ON CONFLICT (call, participant) DO UPDATE
                SET reports = excluded.reports, worst = excluded.worst,
                    loss_count = excluded.loss_count, loss_mean = excluded.loss_mean,
                    round_trip_count = excluded.round_trip_count, round_trip_mean = excluded.round_trip_mean", named_params! {
                ":call": call.as_bytes(), ":participant": place, ":reports": summary.reports,
                ":worst": encode(worst),
                ":loss_count": summary.packet_loss_rate.count,
                ":loss_mean": summary.packet_loss_rate.value,
                ":round_trip_count": summary.round_trip_ms.count,
                ":round_trip_mean": summary.round_trip_ms.value,
            })?;
        Ok(())
    }
}

fn summary(columns: &Columns<'_>) -> Result<QualitySummary, Error> {
    Ok(QualitySummary {
        reports: columns.get("reports")?,
        worst: Some(columns.decode("worst")?),
        packet_loss_rate: Mean {
            count: columns.get("loss_count")?,
            value: columns.get("loss_mean")?,
        },
        round_trip_ms: Mean {
            count: columns.get("round_trip_count")?,
            value: columns.get("round_trip_mean")?,
        },
    })
}

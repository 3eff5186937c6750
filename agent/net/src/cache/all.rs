//! Everything that a cache holds.

use gix_hash::ObjectId;
use gix_object::Kind;

use super::{Cache, CacheError, parse_oid, sqlite_error};
use crate::reach::ReachError;

impl Cache {
    /// Hands over every object, in the order in which they came.
    pub(crate) fn each(
        &self,
        take: &mut dyn FnMut(ObjectId, Kind, Vec<u8>) -> Result<(), ReachError>,
    ) -> Result<(), ReachError> {
        let sql = "SELECT oid FROM object ORDER BY id";
        let mut statement = self.connection.prepare(sql).map_err(sqlite_error)?;
        let mut rows = statement.query([]).map_err(sqlite_error)?;
        while let Some(row) = rows.next().map_err(sqlite_error)? {
            let oid = row.get::<_, Vec<u8>>(0).map_err(sqlite_error)?;
            let oid = parse_oid(&oid)?;
            let (kind, bytes) = self
                .read(&oid)?
                .ok_or_else(|| CacheError::Damaged(format!("{oid} is gone")))?;
            take(oid, kind, bytes)?;
        }
        Ok(())
    }
}

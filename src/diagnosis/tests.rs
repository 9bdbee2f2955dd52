//! Claims of the room as a whole.

//! `poolsim size`.
use super::checked::Study;
use super::exit::{Answer, Failure};
/// stub
pub fn size(_args: &Study) -> Result<Answer, Failure> {
    Err(Failure::new("not yet", ""))
}

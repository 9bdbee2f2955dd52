//! Any text is the output of ping or traceroute: it is read within bounds, or it is not run; never more than was asked.
#![no_main]

use autoticket::diagnosis::parse;
use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;

fuzz_target!(|text: &str| {
    // The first line may be the address that was asked, what follows a line `%` standard error.
    let (first, rest) = text.split_once('\n').unwrap_or(("", text));
    let address = first.parse().unwrap_or(IpAddr::from([10, 0, 5, 7]));
    let (out, err) = rest.split_once("\n%\n").unwrap_or((rest, ""));
    if let Ok(replies) = parse::ping(out, err, address, 3) {
        assert!(replies.times.len() <= 3, "{replies:?}");
        assert!(replies.times.iter().all(|us| *us < 3_600_000_000), "{replies:?}");
    }
    if let Ok(steps) = parse::traceroute(out, err, address) {
        assert!(steps.hops.len() <= usize::from(parse::MOST_HOPS), "{steps:?}");
        assert!(steps.hops.last().is_none_or(|hop| hop.address.is_some()), "{steps:?}");
        assert_eq!(steps.reached, steps.hops.iter().any(|hop| hop.address == Some(address)), "{steps:?}");
    }
    parse::is_on_link(address, rest);
});

//! The body built in code: what a ticket says when no template can.
//!
//! In: a [`View`]. Out: text or HTML, and the note that tells what failed. It uses no template.

use super::template::{COLUMNS, field, wrap};
use super::view::{AlertView, CallView, View};
use minijinja::HtmlEscape;

/// The facts as lines `Name  value`.
pub(super) fn text(view: &View) -> String {
    let mut out = format!("{}: {}\n\n", view.number, view.headline);
    let mut line = |label: &str, value: Option<&str>| out.push_str(&field(label, value));
    line("Kind", Some(view.kind));
    line("Why", view.why.as_deref());
    line("Building", view.building.as_deref());
    line("Room", view.room.as_deref());
    line("Stated location", view.stated.as_deref());
    line("Rack", view.rack.as_deref());
    line("Note", view.place_note.as_deref());
    let called = |c: &CallView| format!("{} {}", c.who.as_deref().unwrap_or_default(), c.telephone);
    line("Call", view.call.as_ref().map(called).as_deref().map(str::trim_start));
    line("What", Some(&view.what));
    line("Finding", view.finding.as_deref());
    line("Region", view.region.as_deref());
    line("Device", Some(&view.device));
    line("As written", view.device_stated.as_deref());
    line("IP address", view.ip.as_deref());
    line("MAC address", view.mac.as_deref());
    line("Failure", Some(&view.failure));
    line("Announced as", view.announced.as_deref());
    line("How often", Some(&view.frequency));
    line("Since repair", Some(&view.joined_total.max(view.total).to_string()));
    line("First alert", Some(&view.first));
    line("Last alert", Some(&view.last));
    line("Package", view.package.as_deref());
    line("Job", view.job.as_deref());
    line("Tool", view.tool.as_deref());
    line("Server", view.server.as_deref());
    line("Upstream", view.upstream.as_deref());
    for evidence in &view.evidence {
        line(evidence.question, Some(&evidence.answer));
    }
    for member in &view.members {
        line("Behind it", Some(&format!("{}, {}, {}", member.device, member.what, member.number)));
    }
    line("Threshold", Some(&view.threshold));
    line("Center", Some(&view.center.name));
    line("Owner", view.center.owner.as_deref());
    line("Telephone", view.center.telephone.as_deref());
    for note in [&view.event_note, &view.zone_note, &view.address_note] {
        line("Note", note.as_deref());
    }
    list(&mut out, "Each alert", &view.alerts);
    list(&mut out, "Joined since", &view.joined);
    if !view.detail.is_empty() {
        out.push_str("\nWhat the device said\n");
        view.detail.iter().for_each(|line| out.push_str(&format!("  | {line}\n")));
    }
    out.push_str(&format!(
        "\nRepaired: autoticket repaired {0}\nExplained: autoticket ticket show {0}\n           autoticket explain {0}\n",
        view.number
    ));
    out
}

fn list(out: &mut String, heading: &str, alerts: &[AlertView]) {
    if !alerts.is_empty() {
        out.push_str(&format!("\n{heading}\n"));
        alerts.iter().for_each(|alert| out.push_str(&format!("  {}\n", alert.time)));
    }
}

/// The same, as HTML.
pub(super) fn html(view: &View) -> String {
    let text = text(view);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><body><pre style=\"white-space:pre-wrap\">{}</pre></body></html>\n",
        HtmlEscape(&text)
    )
}

const EXPLANATION: &str = "Nothing of the ticket is lost: a built-in text stands in for the template.";

/// The text with, at its end, which template failed and where.
pub(super) fn with_note(mut text: String, faults: &[String]) -> String {
    text.push_str(&format!("\n{}\nThe template of this mail failed:\n", "-".repeat(COLUMNS)));
    for fault in faults {
        text.push_str(&format!("  {}\n", wrap(fault, 2)));
    }
    text.push_str(&format!("{EXPLANATION}\n"));
    text
}

/// The same for HTML: inside the body, where there is one.
pub(super) fn with_html_note(html: String, faults: &[String]) -> String {
    let items: String = faults.iter().map(|fault| format!("<br>{}", HtmlEscape(fault))).collect();
    let note = format!(
        "<p style=\"max-width:40em;margin:1em auto;font-family:sans-serif;font-size:13px\">\
         The template of this mail failed:{items}<br>{EXPLANATION}</p>\n"
    );
    match html.rfind("</body>") {
        Some(at) => format!("{}{note}{}", &html[..at], &html[at..]),
        None => html + &note,
    }
}

# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_autoticket_global_optspecs
    string join \n rules= state= now= json h/help V/version
end

function __fish_autoticket_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_autoticket_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_autoticket_using_subcommand
    set -l cmd (__fish_autoticket_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c autoticket -n "__fish_autoticket_needs_command" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_needs_command" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_needs_command" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_needs_command" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_needs_command" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "init" -d 'Make the state folder and a commented rules folder'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "ingest" -d 'Take in error alerts: one mail on standard input, or files, folders, Maildirs and mbox files'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "explain" -d 'Walk a mail through each gate and say what ingest would do with it now; changes nothing'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "flush" -d 'Do what is due: take up the spool, judge deferred tickets, transmit the outbox'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "run" -d 'Stay up: watch Maildirs, judge tickets, transmit, refresh lists, reload rules, forget what is old'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "status" -d 'Show mails, tickets and due work; exit 1 where something is left to see to'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "mail" -d 'See what became of mails, and judge stored mails anew'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "alert" -d 'See alert records and what was done with them'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "ticket" -d 'See job tickets and what stands behind them; close one, send one again'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "threshold" -d 'See thresholds; set and unset them while running'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "outage" -d 'See posted outages, post and take back ones, check their files'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "device" -d 'See devices: facts from their alerts, counts, tickets; import where they stand'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "nodes" -d 'See and change the node list: the nodes whose alerts are believed'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "domains" -d 'See and change the domain list: the domains whose mails are believed'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "failed" -d 'See failed distributions, and dismiss one that needs no redistribution'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "repaired" -d 'Take the repair of a device: reset its counts, end its tickets, say what to redistribute'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "redistribute" -d 'Find what failed on this intermediate server, and reissue exactly that'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "agent" -d 'Answer a copy of this program on another machine (started over SSH, speaks JSON lines)'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "audit" -d 'Prove that every mail received is accounted for; exit 1 where the sum is not balanced'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "rules" -d 'Check rules, run their samples, see what they say'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "diagnose" -d 'Ping computers and trace the routes to them, as their tickets would show it'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "doctor" -d 'Check database, ownership, rules, spool, disk, lists, outage files and location records out of date, transport, clock, zones, privileges for ping and route, and names; exit 1 where something is wrong'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "man" -d 'Print a manual page: autoticket(1), or redistribute(1)'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c autoticket -n "__fish_autoticket_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand init" -l install-id -d 'Install id, to replay mails into a fresh state with the same ticket numbers [default: random]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand init" -l write-rules -d 'Write the commented rules into this folder [default: what --rules names]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand init" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand init" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand init" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand init" -l dry-run -d 'Say what would be made'
complete -c autoticket -n "__fish_autoticket_using_subcommand init" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand init" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -l size -d 'Size of the mail in bytes as the mail system knows it (Postfix: ${size}); a shorter one was cut off' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -l queue-id -d 'Queue id of the mail system, kept with the mail (Postfix: ${queue_id})' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -l batch -d 'Mails per transaction of a mailbox' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -l flush -d 'Do due work afterwards, as `flush` does'
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -l dry-run -d 'Judge and count, print, change nothing (as `explain`, without the steps)'
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -l strict -d 'Exit with the codes of sysexits.h instead of 75; for people, never for a mail system'
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -l new-only -d 'Read only the unread mails (`new`) of a Maildir'
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand ingest" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand explain" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand explain" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand explain" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand explain" -l diagnose -d 'Ask the network as well: ping and route of each device that would get a ticket'
complete -c autoticket -n "__fish_autoticket_using_subcommand explain" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand explain" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand explain" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand flush" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand flush" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand flush" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand flush" -l dry-run -d 'Say what is due, do nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand flush" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand flush" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand flush" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand run" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand run" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand run" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand run" -l once -d 'Do one round and end'
complete -c autoticket -n "__fish_autoticket_using_subcommand run" -l dry-run -d 'Load rules and state, say what would be watched, do nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand run" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand run" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand status" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand status" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand status" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand status" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand status" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand status" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and not __fish_seen_subcommand_from list show retry help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and not __fish_seen_subcommand_from list show retry help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and not __fish_seen_subcommand_from list show retry help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and not __fish_seen_subcommand_from list show retry help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and not __fish_seen_subcommand_from list show retry help" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and not __fish_seen_subcommand_from list show retry help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and not __fish_seen_subcommand_from list show retry help" -f -a "list" -d 'List mails, latest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and not __fish_seen_subcommand_from list show retry help" -f -a "show" -d 'Show one mail: outcome, reason, alert records'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and not __fish_seen_subcommand_from list show retry help" -f -a "retry" -d 'Judge rejected, unrecognised and quarantined mails anew, in event order'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and not __fish_seen_subcommand_from list show retry help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from list" -l outcome -d 'Only mails with this outcome; repeat for more' -r -f -a "counted\t''
duplicate\t''
rejected\t''
unrecognised\t''
quarantined\t''
repair\t''
own\t''"
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from list" -l since -d 'Only mails that arrived since then (RFC 3339, a date, `7d`, `last week`)' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from list" -l limit -d 'Most mails to list; 0: all' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from list" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from list" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from list" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from show" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from show" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from show" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from show" -l raw -d 'Print the mail itself, byte for byte (on a terminal with its control characters made visible)'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from show" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from retry" -l outcome -d 'Only mails with this outcome; repeat for more' -r -f -a "counted\t''
duplicate\t''
rejected\t''
unrecognised\t''
quarantined\t''
repair\t''
own\t''"
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from retry" -l since -d 'Only mails that arrived since then' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from retry" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from retry" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from retry" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from retry" -l dry-run -d 'Say what would become of them, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from retry" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from retry" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from help" -f -a "list" -d 'List mails, latest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one mail: outcome, reason, alert records'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Judge rejected, unrecognised and quarantined mails anew, in event order'
complete -c autoticket -n "__fish_autoticket_using_subcommand mail; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and not __fish_seen_subcommand_from list show help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and not __fish_seen_subcommand_from list show help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and not __fish_seen_subcommand_from list show help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and not __fish_seen_subcommand_from list show help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and not __fish_seen_subcommand_from list show help" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and not __fish_seen_subcommand_from list show help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and not __fish_seen_subcommand_from list show help" -f -a "list" -d 'List alert records, latest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and not __fish_seen_subcommand_from list show help" -f -a "show" -d 'Show one alert record with its history'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and not __fish_seen_subcommand_from list show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from list" -l device -d 'Only alerts of this device' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from list" -l failure -d 'Only alerts of this failure type' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from list" -l since -d 'Only alerts of events since then (RFC 3339, a date, `7d`, `last week`)' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from list" -l limit -d 'Most alerts to list; 0: all' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from list" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from list" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from list" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from show" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from show" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from show" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from show" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from help" -f -a "list" -d 'List alert records, latest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one alert record with its history'
complete -c autoticket -n "__fish_autoticket_using_subcommand alert; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and not __fish_seen_subcommand_from list show close resend help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and not __fish_seen_subcommand_from list show close resend help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and not __fish_seen_subcommand_from list show close resend help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and not __fish_seen_subcommand_from list show close resend help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and not __fish_seen_subcommand_from list show close resend help" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and not __fish_seen_subcommand_from list show close resend help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and not __fish_seen_subcommand_from list show close resend help" -f -a "list" -d 'List job tickets, latest crossing first'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and not __fish_seen_subcommand_from list show close resend help" -f -a "show" -d 'Show one ticket: facts, decision, transmissions, joined alerts, replies'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and not __fish_seen_subcommand_from list show close resend help" -f -a "close" -d 'Close a ticket: its work is done or not needed; the center is told to stand down'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and not __fish_seen_subcommand_from list show close resend help" -f -a "resend" -d 'Transmit parked and refused mails of a ticket again'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and not __fish_seen_subcommand_from list show close resend help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from list" -l in -d 'Only tickets in this state; repeat for more' -r -f -a "deferred\t''
held\t''
queued\t''
sent\t''
parked\t''
repaired\t''
closed\t''
dropped\t''"
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from list" -l device -d 'Only tickets of this device' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from list" -l since -d 'Only tickets whose threshold was crossed since then (RFC 3339, a date, `7d`, `last week`)' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from list" -l limit -d 'Most tickets to list; 0: all' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from list" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from list" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from list" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from list" -l open -d 'Only open tickets'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from show" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from show" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from show" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from show" -l letter -d 'Print the mails of its thread as they are transmitted'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from show" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from close" -l reason -d 'Why; kept in the audit record and told to the center' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from close" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from close" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from close" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from close" -l dry-run -d 'Say what would be done, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from close" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from close" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from close" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from resend" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from resend" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from resend" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from resend" -l dry-run -d 'Say what would be transmitted, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from resend" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from resend" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from resend" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from help" -f -a "list" -d 'List job tickets, latest crossing first'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one ticket: facts, decision, transmissions, joined alerts, replies'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from help" -f -a "close" -d 'Close a ticket: its work is done or not needed; the center is told to stand down'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from help" -f -a "resend" -d 'Transmit parked and refused mails of a ticket again'
complete -c autoticket -n "__fish_autoticket_using_subcommand ticket; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and not __fish_seen_subcommand_from list set unset help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and not __fish_seen_subcommand_from list set unset help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and not __fish_seen_subcommand_from list set unset help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and not __fish_seen_subcommand_from list set unset help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and not __fish_seen_subcommand_from list set unset help" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and not __fish_seen_subcommand_from list set unset help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and not __fish_seen_subcommand_from list set unset help" -f -a "list" -d 'List thresholds, narrowest scope first: of those that fit an alert the first one holds'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and not __fish_seen_subcommand_from list set unset help" -f -a "set" -d 'Set a threshold; it stands over the rules\' one of the same scope and failure type'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and not __fish_seen_subcommand_from list set unset help" -f -a "unset" -d 'Take back a threshold that was set while running'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and not __fish_seen_subcommand_from list set unset help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from list" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from list" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from list" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from set" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from set" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from set" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from set" -l dry-run -d 'Say what would be set, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from set" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from set" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from unset" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from unset" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from unset" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from unset" -l dry-run -d 'Say what would be taken back, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from unset" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from unset" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from unset" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from help" -f -a "list" -d 'List thresholds, narrowest scope first: of those that fit an alert the first one holds'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from help" -f -a "set" -d 'Set a threshold; it stands over the rules\' one of the same scope and failure type'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from help" -f -a "unset" -d 'Take back a threshold that was set while running'
complete -c autoticket -n "__fish_autoticket_using_subcommand threshold; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and not __fish_seen_subcommand_from add list remove check help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and not __fish_seen_subcommand_from add list remove check help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and not __fish_seen_subcommand_from add list remove check help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and not __fish_seen_subcommand_from add list remove check help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and not __fish_seen_subcommand_from add list remove check help" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and not __fish_seen_subcommand_from add list remove check help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and not __fish_seen_subcommand_from add list remove check help" -f -a "add" -d 'Post an outage'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and not __fish_seen_subcommand_from add list remove check help" -f -a "list" -d 'List posted outages, as they were last taken in'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and not __fish_seen_subcommand_from add list remove check help" -f -a "remove" -d 'Take back an outage that was posted by hand, or forget a file that is gone'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and not __fish_seen_subcommand_from add list remove check help" -f -a "check" -d 'Check outage files: mistakes with their places, and what is odd about notices'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and not __fish_seen_subcommand_from add list remove check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l device -d 'Name, alias, MAC or IP address of a device; this and the next ones repeat' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l mac -d 'MAC address in any notation' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l ip -d 'IP address in any notation' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l glob -d 'Glob over names of devices (quoted)' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l building -d 'Building, case ignored' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l server -d 'Intermediate server, or a glob' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l region -d 'Region, case ignored' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l package -d 'Package, or a glob' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l from -d 'Its start: a time, a date, or now where it is not said' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l until -d 'Its end: a time, or a date, whose end is meant; open where it is not said' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l duration -d 'Its length, such as 2h or P1D' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l rrule -d 'Recurrence, an RRULE of RFC 5545 such as \'FREQ=WEEKLY;BYDAY=SU\'' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l zone -d 'IANA zone of its times [default: outages.zone of the rules]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l reason -d 'Why' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l author -d 'Who posts it [default: the login name]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l expires -d 'When it holds no more, whatever else is said' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l id -d 'Its name [default: made from what it says]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l drop -d 'Write no ticket afterwards either, and correct the count'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l dry-run -d 'Say what would be posted, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from list" -l limit -d 'At most this many; 0: all' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from list" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from list" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from list" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from list" -l holding -d 'Only those that hold now'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from remove" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from remove" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from remove" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from remove" -l dry-run -d 'Say what would be removed, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from remove" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from check" -l device -d 'Say as well whether these files expect this device to fail now (see --now)' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from check" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from check" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from check" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from check" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from help" -f -a "add" -d 'Post an outage'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from help" -f -a "list" -d 'List posted outages, as they were last taken in'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take back an outage that was posted by hand, or forget a file that is gone'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check outage files: mistakes with their places, and what is odd about notices'
complete -c autoticket -n "__fish_autoticket_using_subcommand outage; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and not __fish_seen_subcommand_from list show import help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and not __fish_seen_subcommand_from list show import help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and not __fish_seen_subcommand_from list show import help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and not __fish_seen_subcommand_from list show import help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and not __fish_seen_subcommand_from list show import help" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and not __fish_seen_subcommand_from list show import help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and not __fish_seen_subcommand_from list show import help" -f -a "list" -d 'List devices by name'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and not __fish_seen_subcommand_from list show import help" -f -a "show" -d 'Show one device: facts, a tracking record per failure type, latest alerts'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and not __fish_seen_subcommand_from list show import help" -f -a "import" -d 'Replace the location records by an inventory, all or nothing; shows what changes'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and not __fish_seen_subcommand_from list show import help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from list" -l after -d 'Only names after this one' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from list" -l limit -d 'Most devices to list; 0: all' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from list" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from list" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from list" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from show" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from show" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from show" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from show" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from import" -l format -d 'How it is written [default: by the file\'s name: .csv, .json, .yaml]' -r -f -a "csv\t''
ansible\t''
yaml\t''"
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from import" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from import" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from import" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from import" -l dry-run -d 'Show what would change, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from import" -l force -d 'Import it even if half of the records or more would vanish'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from import" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from import" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from help" -f -a "list" -d 'List devices by name'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one device: facts, a tracking record per failure type, latest alerts'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from help" -f -a "import" -d 'Replace the location records by an inventory, all or nothing; shows what changes'
complete -c autoticket -n "__fish_autoticket_using_subcommand device; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -f -a "list" -d 'List the entries by name'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -f -a "import" -d 'Replace the list by a file, all or nothing; shows what changes'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -f -a "accept" -d 'Accept unknown nodes: they enter the list to stay, and their rejected mails are judged anew'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -f -a "forget" -d 'Take back nodes that were accepted; what was counted meanwhile stays counted'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -f -a "misses" -d 'List near misses: unknown nodes of known domains, most mails first'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and not __fish_seen_subcommand_from list import accept forget misses help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from list" -l after -d 'Only names after this one' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from list" -l limit -d 'Most entries to list; 0: all' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from list" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from list" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from list" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from import" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from import" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from import" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from import" -l dry-run -d 'Show what would change, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from import" -l force -d 'Import it even if the list shrinks by half or more'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from import" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from import" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from accept" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from accept" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from accept" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from accept" -l dry-run -d 'Say what would be accepted, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from accept" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from accept" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from accept" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from forget" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from forget" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from forget" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from forget" -l dry-run -d 'Say what would be forgotten, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from forget" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from forget" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from misses" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from misses" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from misses" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from misses" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from misses" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from misses" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the entries by name'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from help" -f -a "import" -d 'Replace the list by a file, all or nothing; shows what changes'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from help" -f -a "accept" -d 'Accept unknown nodes: they enter the list to stay, and their rejected mails are judged anew'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from help" -f -a "forget" -d 'Take back nodes that were accepted; what was counted meanwhile stays counted'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from help" -f -a "misses" -d 'List near misses: unknown nodes of known domains, most mails first'
complete -c autoticket -n "__fish_autoticket_using_subcommand nodes; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and not __fish_seen_subcommand_from list import help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and not __fish_seen_subcommand_from list import help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and not __fish_seen_subcommand_from list import help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and not __fish_seen_subcommand_from list import help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and not __fish_seen_subcommand_from list import help" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and not __fish_seen_subcommand_from list import help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and not __fish_seen_subcommand_from list import help" -f -a "list" -d 'List the entries by name'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and not __fish_seen_subcommand_from list import help" -f -a "import" -d 'Replace the list by a file, all or nothing; shows what changes'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and not __fish_seen_subcommand_from list import help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from list" -l after -d 'Only names after this one' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from list" -l limit -d 'Most entries to list; 0: all' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from list" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from list" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from list" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from import" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from import" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from import" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from import" -l dry-run -d 'Show what would change, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from import" -l force -d 'Import it even if the list shrinks by half or more'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from import" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from import" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the entries by name'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from help" -f -a "import" -d 'Replace the list by a file, all or nothing; shows what changes'
complete -c autoticket -n "__fish_autoticket_using_subcommand domains; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and not __fish_seen_subcommand_from list dismiss help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and not __fish_seen_subcommand_from list dismiss help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and not __fish_seen_subcommand_from list dismiss help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and not __fish_seen_subcommand_from list dismiss help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and not __fish_seen_subcommand_from list dismiss help" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and not __fish_seen_subcommand_from list dismiss help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and not __fish_seen_subcommand_from list dismiss help" -f -a "list" -d 'List failed distributions, oldest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and not __fish_seen_subcommand_from list dismiss help" -f -a "dismiss" -d 'Dismiss a failed distribution: nobody needs it any more'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and not __fish_seen_subcommand_from list dismiss help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from list" -l server -d 'Only those executed by this intermediate server' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from list" -l affected -d 'Only those of this server itself and of everything behind it' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from list" -l since -d 'Only those that failed since then (RFC 3339, a date, `7d`, `last week`)' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from list" -l until -d 'Only those that failed until then' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from list" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from list" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from list" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from list" -l all -d 'Dismissed ones as well'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from dismiss" -l reason -d 'Why; kept in the audit record' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from dismiss" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from dismiss" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from dismiss" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from dismiss" -l dry-run -d 'Say what would be dismissed, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from dismiss" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from dismiss" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from dismiss" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from help" -f -a "list" -d 'List failed distributions, oldest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from help" -f -a "dismiss" -d 'Dismiss a failed distribution: nobody needs it any more'
complete -c autoticket -n "__fish_autoticket_using_subcommand failed; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand repaired" -l at -d 'When it was repaired [default: now]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand repaired" -l failure -d 'Only the counts of this failure type' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand repaired" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand repaired" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand repaired" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand repaired" -l dry-run -d 'Say what would be done, change nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand repaired" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand repaired" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand repaired" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l server -d 'The intermediate server that executed the jobs [default: this machine]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l since -d 'Runs and failures since then: RFC 3339, a date, `7d`, `last week`, `servicing` [default: since the last servicing of this server, else 7d; all of a log named with --log]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l until -d 'Runs and failures until then' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l ticket -d 'Only the downtime of this ticket, and its server' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l package -d 'Only packages of this glob' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l job -d 'Only the job of this number' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l recipient -d 'Only recipients of this glob' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l cause -d 'Only this failure type or outcome' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l log -d 'Distribution logfiles or folders of them; rotated and compressed ones beside them are found' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l service-center -d 'The service center whose failed distributions count, over SSH; `none`: go by the logs alone [default: what redistribution.yaml says, else the state here]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l format -d 'The logfile rule that reads them, where their format is not to be recognised' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l plan -d 'Write the plan to a new file, for review' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l apply -d 'Issue a reviewed plan: it is rebuilt from the logs and has to be the same' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l approve -d 'Approve without a screen: `all`, or ids of jobs and commands (`J3`, `J3.1`)' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l again -d 'Issue again what nobody knows the end of, or what its manager has: keys as `redistribute journal` shows them' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l waves -d 'Issue in waves, each after the one before: counts, shares and `rest`, such as 1,10%,rest; what they leave over is the last wave: `1` means 1,rest' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l max-errors -d 'Stop when more commands have failed than this number or share of those begun' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l parallel -d 'Commands at once, where fewer than redistribution.yaml allows' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l on -d 'Make and issue the plan on this intermediate server, over SSH: autoticket there reads its logs and keeps the journal. Host keys have to be known to ssh; keys come from ssh-agent or files' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l remote-program -d 'The program there [default: what redistribution.yaml says, autoticket]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l list -d 'List what is left to do; exit status 1 where there is something'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l check -d 'Look whether recipients answer before anything is issued, as `reachability:` says [or ping]'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l no-check -d 'Do not look whether they answer, whatever `reachability:` says'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l dry-run -d 'Say what would be issued, issue nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -f -a "journal" -d 'Show and verify who approved what, when, with which edits, and what became of it'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -f -a "sync" -d 'Tell the service center what is delivered, where it could not be told before'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and not __fish_seen_subcommand_from journal sync help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from journal" -l limit -d 'Commands shown, latest first; those whose end nobody knows stand before all others' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from journal" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from journal" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from journal" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from journal" -l record -d 'Show the record itself: one row per act, each bound to the one before'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from journal" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from journal" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from journal" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from sync" -l service-center -d 'The service center, over SSH [default: the one that the failed distributions came from]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from sync" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from sync" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from sync" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from sync" -l dry-run -d 'Say what would be told, tell nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from sync" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from sync" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from sync" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from help" -f -a "journal" -d 'Show and verify who approved what, when, with which edits, and what became of it'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from help" -f -a "sync" -d 'Tell the service center what is delivered, where it could not be told before'
complete -c autoticket -n "__fish_autoticket_using_subcommand redistribute; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand agent" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand agent" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand agent" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand agent" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand agent" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand agent" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and not __fish_seen_subcommand_from log help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and not __fish_seen_subcommand_from log help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and not __fish_seen_subcommand_from log help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and not __fish_seen_subcommand_from log help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and not __fish_seen_subcommand_from log help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and not __fish_seen_subcommand_from log help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and not __fish_seen_subcommand_from log help" -f -a "log" -d 'List who changed what by hand, latest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and not __fish_seen_subcommand_from log help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and __fish_seen_subcommand_from log" -l limit -d 'Most entries to list; 0: all' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and __fish_seen_subcommand_from log" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and __fish_seen_subcommand_from log" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and __fish_seen_subcommand_from log" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and __fish_seen_subcommand_from log" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and __fish_seen_subcommand_from log" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and __fish_seen_subcommand_from log" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "log" -d 'List who changed what by hand, latest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and not __fish_seen_subcommand_from check test show list help" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and not __fish_seen_subcommand_from check test show list help" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and not __fish_seen_subcommand_from check test show list help" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and not __fish_seen_subcommand_from check test show list help" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and not __fish_seen_subcommand_from check test show list help" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and not __fish_seen_subcommand_from check test show list help" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and not __fish_seen_subcommand_from check test show list help" -f -a "check" -d 'Check the rules and list every mistake at once, as file:line:column; exit 78 where there is one'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and not __fish_seen_subcommand_from check test show list help" -f -a "test" -d 'Run all samples beside the rules, or show how rules fare with mails and logs, or the way to a center'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and not __fish_seen_subcommand_from check test show list help" -f -a "show" -d 'Show the settings in force'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and not __fish_seen_subcommand_from check test show list help" -f -a "list" -d 'List the formats in the order in which they are tried'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and not __fish_seen_subcommand_from check test show list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from check" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from check" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from check" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from check" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l format -d 'With logs: the rule that reads them, where their format is not to be recognised' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l most-unknown -d 'With logs: exit 1 where a rule does not understand more lines than this number or share' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l route -d 'Show the way to the maintenance center of this device, and why' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l at -d 'With --route: when the ticket is to be seen to [default: now]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l building -d 'With --route: the building an alert states' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l room -d 'With --route: the room an alert states' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l region -d 'With --route: the region an alert states' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l server -d 'With --route: the intermediate server' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l package -d 'With --route: the package' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l failure -d 'With --route: the failure type' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l all -d 'With mails: formats whose literals do not occur in the mail as well'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l mail -d 'The files are mails, whatever they look like'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l log -d 'The files are logs, whatever they look like; folders and rotated files as with `redistribute --log`'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l network -d 'With --route: the network failed, not the device'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from test" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from show" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from show" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from show" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from show" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from list" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from list" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from list" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from list" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check the rules and list every mistake at once, as file:line:column; exit 78 where there is one'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from help" -f -a "test" -d 'Run all samples beside the rules, or show how rules fare with mails and logs, or the way to a center'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the settings in force'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the formats in the order in which they are tried'
complete -c autoticket -n "__fish_autoticket_using_subcommand rules; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -l hosts -d 'A file with one name or address a line; - for standard input' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -l server -d 'The intermediate server, looked at with them' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -l count -d 'Echo requests to each [default: as the rules say]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -l timeout -d 'How long one reply is waited for [default: as the rules say]' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -l no-route -d 'Ping only'
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -l fresh -d 'Take over no finding of an earlier run'
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -s q -l quiet -d 'One line per computer'
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand diagnose" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand doctor" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand doctor" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand doctor" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand doctor" -l full -d 'Check the whole database even where it is large (else up to 4 GiB)'
complete -c autoticket -n "__fish_autoticket_using_subcommand doctor" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c autoticket -n "__fish_autoticket_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand man" -l write -d 'Write both into this folder, as autoticket.1 and redistribute.1' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand man" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand man" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand man" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand man" -l dry-run -d 'Say what would be written, write nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand man" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand man" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand man" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand completions" -l write -d 'Write those of all shells into this folder' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand completions" -l rules -d 'Folder of rules [default: $AUTOTICKET_RULES, /etc/autoticket, ./rules, else those compiled in]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand completions" -l state -d 'State folder [default: $AUTOTICKET_STATE, what the rules say, /var/lib/autoticket]' -r -F
complete -c autoticket -n "__fish_autoticket_using_subcommand completions" -l now -d 'Take this for the present time (RFC 3339); recorded where it has consequences' -r
complete -c autoticket -n "__fish_autoticket_using_subcommand completions" -l dry-run -d 'Say what would be written, write nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand completions" -l json -d 'Print JSON'
complete -c autoticket -n "__fish_autoticket_using_subcommand completions" -s h -l help -d 'Print help'
complete -c autoticket -n "__fish_autoticket_using_subcommand completions" -s V -l version -d 'Print version'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "init" -d 'Make the state folder and a commented rules folder'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "ingest" -d 'Take in error alerts: one mail on standard input, or files, folders, Maildirs and mbox files'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "explain" -d 'Walk a mail through each gate and say what ingest would do with it now; changes nothing'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "flush" -d 'Do what is due: take up the spool, judge deferred tickets, transmit the outbox'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "run" -d 'Stay up: watch Maildirs, judge tickets, transmit, refresh lists, reload rules, forget what is old'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "status" -d 'Show mails, tickets and due work; exit 1 where something is left to see to'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "mail" -d 'See what became of mails, and judge stored mails anew'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "alert" -d 'See alert records and what was done with them'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "ticket" -d 'See job tickets and what stands behind them; close one, send one again'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "threshold" -d 'See thresholds; set and unset them while running'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "outage" -d 'See posted outages, post and take back ones, check their files'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "device" -d 'See devices: facts from their alerts, counts, tickets; import where they stand'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "nodes" -d 'See and change the node list: the nodes whose alerts are believed'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "domains" -d 'See and change the domain list: the domains whose mails are believed'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "failed" -d 'See failed distributions, and dismiss one that needs no redistribution'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "repaired" -d 'Take the repair of a device: reset its counts, end its tickets, say what to redistribute'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "redistribute" -d 'Find what failed on this intermediate server, and reissue exactly that'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "agent" -d 'Answer a copy of this program on another machine (started over SSH, speaks JSON lines)'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "audit" -d 'Prove that every mail received is accounted for; exit 1 where the sum is not balanced'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "rules" -d 'Check rules, run their samples, see what they say'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "diagnose" -d 'Ping computers and trace the routes to them, as their tickets would show it'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "doctor" -d 'Check database, ownership, rules, spool, disk, lists, outage files and location records out of date, transport, clock, zones, privileges for ping and route, and names; exit 1 where something is wrong'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "man" -d 'Print a manual page: autoticket(1), or redistribute(1)'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "completions" -d 'Print the completions of a shell'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and not __fish_seen_subcommand_from init ingest explain flush run status mail alert ticket threshold outage device nodes domains failed repaired redistribute agent audit rules diagnose doctor man completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from mail" -f -a "list" -d 'List mails, latest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from mail" -f -a "show" -d 'Show one mail: outcome, reason, alert records'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from mail" -f -a "retry" -d 'Judge rejected, unrecognised and quarantined mails anew, in event order'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from alert" -f -a "list" -d 'List alert records, latest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from alert" -f -a "show" -d 'Show one alert record with its history'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from ticket" -f -a "list" -d 'List job tickets, latest crossing first'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from ticket" -f -a "show" -d 'Show one ticket: facts, decision, transmissions, joined alerts, replies'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from ticket" -f -a "close" -d 'Close a ticket: its work is done or not needed; the center is told to stand down'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from ticket" -f -a "resend" -d 'Transmit parked and refused mails of a ticket again'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from threshold" -f -a "list" -d 'List thresholds, narrowest scope first: of those that fit an alert the first one holds'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from threshold" -f -a "set" -d 'Set a threshold; it stands over the rules\' one of the same scope and failure type'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from threshold" -f -a "unset" -d 'Take back a threshold that was set while running'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from outage" -f -a "add" -d 'Post an outage'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from outage" -f -a "list" -d 'List posted outages, as they were last taken in'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from outage" -f -a "remove" -d 'Take back an outage that was posted by hand, or forget a file that is gone'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from outage" -f -a "check" -d 'Check outage files: mistakes with their places, and what is odd about notices'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from device" -f -a "list" -d 'List devices by name'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from device" -f -a "show" -d 'Show one device: facts, a tracking record per failure type, latest alerts'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from device" -f -a "import" -d 'Replace the location records by an inventory, all or nothing; shows what changes'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from nodes" -f -a "list" -d 'List the entries by name'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from nodes" -f -a "import" -d 'Replace the list by a file, all or nothing; shows what changes'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from nodes" -f -a "accept" -d 'Accept unknown nodes: they enter the list to stay, and their rejected mails are judged anew'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from nodes" -f -a "forget" -d 'Take back nodes that were accepted; what was counted meanwhile stays counted'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from nodes" -f -a "misses" -d 'List near misses: unknown nodes of known domains, most mails first'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from domains" -f -a "list" -d 'List the entries by name'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from domains" -f -a "import" -d 'Replace the list by a file, all or nothing; shows what changes'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from failed" -f -a "list" -d 'List failed distributions, oldest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from failed" -f -a "dismiss" -d 'Dismiss a failed distribution: nobody needs it any more'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from redistribute" -f -a "journal" -d 'Show and verify who approved what, when, with which edits, and what became of it'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from redistribute" -f -a "sync" -d 'Tell the service center what is delivered, where it could not be told before'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "log" -d 'List who changed what by hand, latest first'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from rules" -f -a "check" -d 'Check the rules and list every mistake at once, as file:line:column; exit 78 where there is one'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from rules" -f -a "test" -d 'Run all samples beside the rules, or show how rules fare with mails and logs, or the way to a center'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from rules" -f -a "show" -d 'Show the settings in force'
complete -c autoticket -n "__fish_autoticket_using_subcommand help; and __fish_seen_subcommand_from rules" -f -a "list" -d 'List the formats in the order in which they are tried'

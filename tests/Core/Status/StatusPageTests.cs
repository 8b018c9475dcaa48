using System.Text.RegularExpressions;
using Backup.Core.Model;
using Backup.Core.Operations.Serving;
using Backup.Core.Operations.Status;
using Backup.Core.Operations.Watching;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Status;

/// <summary>What somebody reads at three in the morning.</summary>
public sealed class StatusPageTests
{
    [Fact]
    public void The_first_word_is_the_answer()
    {
        Assert.Equal("ALL AT RISK", Verdict(StatusScenes.Empty()));
        Assert.Equal("ALL SAFE", Verdict(StatusScenes.Healthy()));
        Assert.Equal("2 OF 3 AT RISK", Verdict(StatusScenes.Failing()));
        Assert.Equal("NOT KNOWN", Verdict(StatusScenes.Status(StatusScenes.Policy("a"), null)));
        var healthy = StatusScenes.Healthy();
        var failed = StatusScenes.Failing().Counts[0];
        Assert.Equal("SAFE, BUT A RUN FAILED", Verdict(healthy with { Counts = [failed] }));
    }

    [Fact]
    public void What_nobody_has_looked_at_lately_is_not_called_safe()
    {
        var old = StatusScenes.Healthy() with { LookedAt = StatusScenes.Now.AddHours(-3) };
        Assert.Equal("NOT KNOWN", Verdict(old));
        Assert.Equal("the last look at the vault was at 2026-03-20 09:00Z", old.Illness);
        Assert.Contains("Nobody has looked at the vault for 3 hours", StatusPage.Write(old), StringComparison.Ordinal);
        Assert.DoesNotContain("backup_safe", PrometheusText.Write(old), StringComparison.Ordinal);
        var ahead = StatusScenes.Healthy() with { LookedAt = StatusScenes.Now.AddYears(6) };
        Assert.Equal(("NOT KNOWN", "the last look at the vault was at 2032-03-20 12:00Z"), (Verdict(ahead), ahead.Illness));
        Assert.Contains("a clock is or was wrong", StatusPage.Write(ahead), StringComparison.Ordinal);
        Assert.Equal("the scheduler does not run", (StatusScenes.Healthy() with { IsScheduling = false }).Illness);
        Assert.Equal("no look at the vault has ended yet", StatusScenes.Status(StatusScenes.Policy("a"), null).Illness);
        Assert.Null(StatusScenes.Healthy().Illness);
    }

    [Fact]
    public void A_vault_that_cannot_be_read_is_at_risk_and_ill()
    {
        var policy = StatusScenes.Policy("a");
        var blind = StatusScenes.Healthy() with
        {
            Policy = policy,
            Look = new WatchLook(WatchJudge.Blind(policy, "v", new BackupException(ErrorCode.VaultUnreachable, "it is gone", "Mount it."), StatusScenes.Now), null),
        };
        Assert.Equal("AT RISK", Verdict(blind));
        Assert.Equal("the vault could not be read", blind.Illness);
        Assert.Contains("<b>Do:</b> Mount it.", StatusPage.Write(blind), StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_facts_are_judged_anew_as_time_passes()
    {
        var healthy = StatusScenes.Healthy();
        Assert.True(healthy.Look!.Report.Safe);
        Assert.False(healthy.Look.At(healthy.Policy, StatusScenes.Now.AddDays(2)).Report.Safe);
    }

    [Fact]
    public void What_is_wrong_comes_first_worst_first_and_with_what_to_do()
    {
        var html = StatusPage.Write(StatusScenes.Failing());
        Assert.True(html.IndexOf("id=\"wrong\"", StringComparison.Ordinal) < html.IndexOf("<h2>Databases</h2>", StringComparison.Ordinal));
        Assert.Contains("public.orders has 25,000 rows instead of 50,000 (-50 %)", html, StringComparison.Ordinal);
        Assert.Contains("no backup for 2 scheduled times: shop_20260319T020000Z, shop_20260320T020000Z", html, StringComparison.Ordinal);
        var severities = Regex.Matches(html, "<li><span class=\"word [a-z-]+\">(Critical|Warning)</span>").Select(m => m.Groups[1].Value).ToList();
        Assert.True(severities.Count >= 4);
        Assert.Equal(severities.OrderBy(s => s, StringComparer.Ordinal), severities);
        Assert.Equal(severities.Count, Regex.Count(html[..html.IndexOf("<h2>Databases</h2>", StringComparison.Ordinal)], "<b>Do:</b>"));
    }

    [Fact]
    public void Nothing_from_a_database_or_a_message_becomes_markup_and_nothing_is_fetched()
    {
        foreach (var html in (string[])[StatusPage.Write(StatusScenes.Failing()), DatabasePage.Write(StatusScenes.Failing() with { AllowsActions = true }, "shop", 1, StatusScenes.Evil)])
        {
            Assert.Contains("&lt;img src=x", html, StringComparison.Ordinal);
            Assert.DoesNotMatch(@"(?i)<(script|link|img|iframe|object)\b|https?:|url\(|@import", html);
            Assert.DoesNotContain('\u202e', html);
        }
    }

    [Fact]
    public void A_long_history_is_paged_and_its_chart_is_told_in_words()
    {
        var large = StatusScenes.Large();
        var name = large.Policy.Databases[0].Name;
        var page = DatabasePage.Write(large, name, 16);
        Assert.Contains("page 16 of 16, 400 backups", page, StringComparison.Ordinal);
        Assert.Equal(25, Regex.Count(page, "<td class=\"name\">"));
        Assert.Contains("page=15#backups", page, StringComparison.Ordinal);
        Assert.DoesNotContain("page=17#backups", page, StringComparison.Ordinal);
        Assert.Contains("page 16 of 16", DatabasePage.Write(large, name, 99), StringComparison.Ordinal);
        Assert.Contains("aria-label=\"400 backups from 2025-02-14 02:00Z to 2026-03-20 02:00Z: first ", page, StringComparison.Ordinal);
        Assert.Equal(40, Regex.Count(StatusPage.Write(large), "class=\"spark\""));
    }

    [Fact]
    public void It_says_what_expires_next_and_what_a_prune_keeps()
    {
        var html = StatusPage.Write(StatusScenes.Healthy());
        Assert.Contains("The next prune is at <span class=\"when\">2026-03-21 00:30 UTC</span>.", html, StringComparison.Ordinal);
        Assert.Contains("<code>bloom_20260219T020000Z</code>, daily: not before <span class=\"when\">2026-03-21 02:00 UTC</span>", html, StringComparison.Ordinal);
        var forEver = StatusScenes.Healthy();
        Assert.Contains("every backup is kept for ever", StatusPage.Write(forEver with { Policy = forEver.Policy with { Retention = null } }), StringComparison.Ordinal);
    }

    [Fact]
    public void Buttons_are_there_only_where_they_are_allowed()
    {
        Assert.DoesNotContain("<form", DatabasePage.Write(StatusScenes.Healthy(), "bloom", 1), StringComparison.Ordinal);
        Assert.Equal(3, Regex.Count(DatabasePage.Write(StatusScenes.Healthy() with { AllowsActions = true }, "bloom", 1), "<button "));
    }

    [Fact]
    public void Figures_follow_the_text_format_with_help_and_type_and_escaped_labels()
    {
        var status = StatusScenes.Failing();
        var text = PrometheusText.Write(status with { Policy = status.Policy with { Environment = "a\"b\\c\nd" } });
        Assert.Contains("environment=\"a\\\"b\\\\c\\nd\"", text, StringComparison.Ordinal);
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        var (helped, seen) = (new HashSet<string>(), new HashSet<string>());
        var type = "";
        foreach (var line in text.TrimEnd('\n').Split('\n'))
        {
            if (Regex.Match(line, "^# HELP ([a-z_]+) .+$") is { Success: true } help) Assert.True(helped.Add(help.Groups[1].Value), line);
            else if (Regex.Match(line, "^# TYPE ([a-z_]+) (gauge|counter)$") is { Success: true } t) Assert.Contains(type = t.Groups[1].Value, helped);
            else
            {
                Assert.Matches("""^[a-z_]+\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\} -?[0-9.]+(E[+-]?[0-9]+)?$""", line);
                Assert.StartsWith(type + "{", line, StringComparison.Ordinal);
                Assert.True(seen.Add(line[..line.LastIndexOf(' ')]), line);
            }
        }

        var figures = PrometheusText.Write(status);
        foreach (var line in (string[])["backup_safe{environment=\"production\",database=\"shop\"} 0", "backup_safe{environment=\"production\",database=\"ledger\"} 1", "backup_age_hours{environment=\"production\",database=\"shop\"} 58",
            "backup_last_work_success{environment=\"production\",database=\"shop\",work=\"backup\"} 0", "backup_works_total{environment=\"production\",database=\"shop\",work=\"backup\",outcome=\"failed\"} 2", "backup_healthy{environment=\"production\"} 1"])
            Assert.Contains(line + "\n", figures, StringComparison.Ordinal);
        Assert.Contains("backup_drill_age_hours{environment=\"production\",database=\"bloom\"} 128\n", figures, StringComparison.Ordinal);
    }

    private static string Verdict(ServiceStatus status) => Regex.Match(StatusPage.Write(status), "<div class=\"verdict [a-z-]+\">([^<]+)</div>").Groups[1].Value;
}

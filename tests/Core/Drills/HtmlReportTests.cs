using System.Text.RegularExpressions;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Drills;

namespace Backup.Core.Tests.Drills;

public sealed class HtmlReportTests
{
    [Fact]
    public void Nothing_from_a_database_or_a_policy_becomes_markup()
    {
        const string Evil = "<script>alert(1)</script>\"'&\u202e\n<img src=x onerror=y>";
        var html = HtmlReport.Write(Report(Verdict.Fail, new TableName("<b>", Evil), Evil));
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<b>.", html, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", html, StringComparison.Ordinal);
        Assert.True(Regex.Count(html, "&lt;script&gt;") >= 10, "a place that shows such a text is not tested");
        Assert.DoesNotContain('\u202e', html);
    }

    [Fact]
    public void It_needs_no_asset_and_no_script()
    {
        var html = HtmlReport.Write(Report(Verdict.Pass, new TableName("public", "t"), "ok"));
        Assert.DoesNotMatch(@"(?i)<(script|link|img|iframe|object)\b|https?:|url\(|@import", html);
        Assert.Contains("default-src 'none'", html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Verdict.Pass, "PASS")]
    [InlineData(Verdict.Fail, "FAIL")]
    [InlineData(Verdict.CouldNotVerify, "COULD NOT VERIFY")]
    public void The_form_that_an_auditor_signs_is_filled_in(Verdict verdict, string word)
    {
        var html = HtmlReport.Write(Report(verdict, new TableName("public", "t"), "ok"));
        var form = html[html.IndexOf("class=\"form\"", StringComparison.Ordinal)..];
        foreach (var label in (string[])["Timestamp", "Backup used", "Duration", "Result", "Notes", "Responsible", "Date", "Sign-off"]) Assert.Contains(label, form, StringComparison.Ordinal);
        foreach (var value in (string[])["2026-03-04 05:16:07 UTC", "shop_20260304T020000Z", "10.0 minutes", $">{word}<"])
            Assert.Contains(value.Replace("10.0", "10", StringComparison.Ordinal), form, StringComparison.Ordinal);
    }

    [Fact]
    public void What_differs_is_shown_first()
    {
        var report = Report(Verdict.Fail, new TableName("public", "zzz"), "ok");
        report = report with { Tables = [new TableComparison { Table = new TableName("public", "aaa"), ExpectedRows = 1, ActualRows = 1 }, .. report.Tables] };
        var html = HtmlReport.Write(report);
        Assert.True(html.IndexOf("public.zzz", StringComparison.Ordinal) < html.IndexOf("public.aaa", StringComparison.Ordinal));
    }

    internal static DrillReport Report(Verdict verdict, TableName table, string text) => new()
    {
        SchemaVersion = 1,
        Id = "shop_20260304T020000Z",
        Verdict = verdict,
        StartedAt = new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero),
        At = new DateTimeOffset(2026, 3, 4, 5, 16, 7, TimeSpan.Zero),
        Operator = text,
        Backup = new BackupFacts
        {
            Database = text, Key = "e/daily/shop/", Tier = Tier.Daily, Environment = text, Kind = BackupKind.Scheduled, SnapshotTime = new DateTimeOffset(2026, 3, 4, 2, 0, 0, TimeSpan.Zero),
            ServerVersion = text, DatabaseBytes = 1 << 30, StoredBytes = 1 << 28, Rows = 10, ManifestSha256 = new string('a', 64),
        },
        Seconds = new DrillSeconds(2, 10, 300, 100, 188, 600),
        Rto = new RtoResult(14400, true),
        Tables = [new TableComparison { Table = table, ExpectedRows = 10, ActualRows = 9, ExpectedHash = new string('1', 32), ActualHash = new string('2', 32), Difference = text }],
        Sequences = [new SequenceComparison(table, 1, 2, 3, text)],
        LargeObjects = new LargeObjectComparison(new LargeObjectFact(1, new string('3', 32)), new LargeObjectFact(1, new string('3', 32)), null),
        MaterializedViews = [new ViewComparison(table, 1, 2, text)],
        Constraints = new ConstraintFacts(7, [text]),
        AfterRestore = new AfterRestoreResult(text, true, text, 1, 2),
        Checks = [new CheckResult(text, text, text, text, Verdict.Fail, text)],
        Findings = [new Finding { Severity = Severity.Critical, Code = "x", Subject = text, Sentence = text, NextStep = text }],
        NotProven = [new NotProven(text, text)],
        Machine = new DrillMachine(text, "1.0", text, true),
    };
}

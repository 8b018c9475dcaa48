using System.Text.Json;
using System.Text.RegularExpressions;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations.Reporting;
using Backup.Core.Policies;
using static Backup.Core.Tests.Reporting.Chronicle;

namespace Backup.Core.Tests.Reporting;

public sealed class ReportPageTests
{
    [Fact]
    public void Nothing_from_a_vault_a_policy_or_a_log_becomes_markup()
    {
        const string Evil = "<script>alert(1)</script>\"'&\u202e\n<img src=x onerror=y>";
        var evidence = new Evidence { At = At(3, 4), Operator = Evil, Version = Evil, Verb = Evil, On = [Evil], Result = Evil };
        var html = ReportPage.Write(Report([.. Nightly(), Whole(At(3, 5, 9), Tier.Manual) with { Damage = FindingCode.BackupUnreadable, Problem = Evil }],
            d => d with
            {
                Proofs = [Proof(At(3, 8), Verdict.Fail, seconds: 1, finding: Evil)],
                Trail = new EvidenceChain("test", "db", [new EvidenceItem(Evil, evidence, Evil)], 0),
                Stored = [new StoredBackup(new BackupId(Evil, At(3, 1)), Tier.Daily, true, false, new Dictionary<string, long> { [Evil] = 1 })],
            },
            p => p with { Project = Evil, Environment = Evil },
            all: f => f with
            {
                Vault = Evil,
                Copy = new CopyStored(Evil, [], Evil),
                Access = new AccessFacts(Evil, 1, 1, [new AccessLine(Evil, Evil, Evil, 1, 1, At(3, 1))], [Evil]),
            }));
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img", html, StringComparison.OrdinalIgnoreCase);
        Assert.True(Regex.Count(html, "&lt;script&gt;") >= 20, "a place that shows such a text is not tested");
        Assert.DoesNotContain('\u202e', html);
    }

    [Fact]
    public void It_needs_no_asset_and_no_script()
    {
        var html = ReportPage.Write(Report(Nightly()));
        Assert.DoesNotMatch(@"(?i)<(script|link|img|iframe|object|use|image)\b|https?:|url\(|@import", html);
        Assert.Contains("default-src 'none'", html, StringComparison.Ordinal);
        Assert.Contains("<svg", html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(31, "NO INCIDENT", 0)]
    [InlineData(12, "2 INCIDENTS", 19)] // one row of missing nights, one gap
    [InlineData(0, "NO DATA", 0)]
    public void It_says_first_how_the_month_went_and_marks_each_bad_day(int nights, string verdict, int marks)
    {
        var html = ReportPage.Write(Report([.. Nightly().Where(b => nights > 0 && (b.Id.Time.Month == 2 || b.Id.Time.Day <= nights))]));
        Assert.Contains($">{verdict}</div>", html, StringComparison.Ordinal);
        Assert.Equal(marks, Regex.Count(html, "class=\"miss\""));
        Assert.Equal(nights, Regex.Count(html, "class=\"size\""));
    }

    [Fact]
    public void A_month_that_is_not_over_says_so_far_and_several_databases_have_an_overview()
    {
        var html = ReportPage.Write(Report(Nightly().FindAll(b => b.Id.Time < At(3, 9)), now: At(3, 9, 1),
            all: f => f with { Databases = [f.Databases[0], f.Databases[0] with { Database = new DatabasePolicy { Name = "other", UrlVariable = "U" }, Backups = [], Began = null }] }));
        Assert.Contains("March 2026, so far</h1>", html, StringComparison.Ordinal);
        Assert.Contains("<a href=\"#db-other\">", html, StringComparison.Ordinal);
        Assert.Contains("The vault knows nothing of this database.", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_has_the_same_facts_with_the_words_of_policies()
    {
        var json = ReportJson.Write(Report(Nightly(), d => d with { Proofs = [Proof(At(3, 8), Verdict.CouldNotVerify, seconds: 700.5)] }));
        using var document = JsonDocument.Parse(json);
        var db = document.RootElement.GetProperty("databases")[0];
        Assert.Equal((1, 100.0, "could-not-verify"), (document.RootElement.GetProperty("schemaVersion").GetInt32(), db.GetProperty("runs").GetProperty("percent").GetDouble(), db.GetProperty("drills")[0].GetProperty("verdict").GetString()));
    }
}

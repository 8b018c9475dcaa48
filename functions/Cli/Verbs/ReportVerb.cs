using System.CommandLine;
using System.Globalization;
using System.Text;
using Backup.Core.Model;
using Backup.Core.Operations.Pages;
using Backup.Core.Operations.Reporting;
using Backup.Core.Policies;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <summary><c>backup report</c>: one month as a page and as JSON. What it finds is no failure: exit code 0 when the report was made.</summary>
public static class ReportVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var month = new Option<string>("--month") { Description = "Year and month, UTC: 2026-03.", HelpName = "YYYY-MM", Required = true };
        var folder = new Option<string?>("--out") { Description = "Folder for the page and the JSON file; without it they go into the working folder.", HelpName = "DIR" };
        var copy = new Option<string?>("--copy") { Description = "The copy of the vault: what it holds, costs and lacks.", HelpName = "URL" };
        var log = new Option<string?>("--access-log") { Description = "Folder or s3:// URL of CloudTrail's data events: who touched the backups.", HelpName = "URL" };
        var command = new Command("report", "Report on one month: what was made, proven, missing, stored, and what it costs.")
        {
            month, folder, o.Vault, o.Stack, o.Policy, o.Database, copy, log, o.Output,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            var place = Place.Of(context, parsed);
            var policy = place.Policy
                ?? throw new BackupException(ErrorCode.UsageWrong, "report needs a policy: it says what should be there", "Add --stack NAME or --policy FILE.");
            var asked = ReportMonth.Parse(parsed.GetRequiredValue(month), context.Clock.GetUtcNow());
            var target = OutputFolder.Of(context, parsed.GetValue(folder), "--out");
            await using var vault = place.OpenVault();
            await using var other = Open(parsed.GetValue(copy), context);
            await using var access = Open(parsed.GetValue(log), context);
            var report = await new MonthlyReport(context.Clock).ExecuteAsync(new MonthlyReportRequest
            {
                Policy = policy,
                Vault = vault,
                Month = asked,
                Copy = other,
                AccessLog = access,
                Database = place.Database,
            }, cancel);
            var (page, json) = (Path.Combine(target, ReportPage.FileName(report, "html")), Path.Combine(target, ReportPage.FileName(report, "json")));
            var bytes = ReportJson.Write(report);
            await OutputFolder.WriteAsync(page, Encoding.UTF8.GetBytes(ReportPage.Write(report)), "--out");
            await OutputFolder.WriteAsync(json, bytes, "--out");
            if (o.WantsJson(parsed)) context.Terminal.Line(Encoding.UTF8.GetString(bytes));
            else foreach (var database in report.Databases) context.Terminal.Line(Line(database));
            context.Terminal.Note($"report: {page} and {Path.GetFileName(json)}");
            return ErrorCode.Done;
        });
        return command;
    }

    private static IVault? Open(string? url, VerbContext context) => url is null ? null : VaultFactory.Open(url, context.Machine.WorkingFolder, context.Clock);

    private static string Line(DatabaseMonth d)
    {
        if (!d.HasData) return $"{d.Database}: {d.Note}";
        var made = d.Runs?.Percent is { } percent ? string.Create(CultureInfo.InvariantCulture, $"{d.Runs.Made} of {d.Runs.Due} scheduled backups ({percent:0.##} %)") : PolicyReading.Count(d.Backups, "backup");
        var gap = d.LargestGap is { } worst ? $"largest gap {(worst.AtLeast ? "at least " : "")}{Html.Span(worst.Until - worst.From)}" : "no good backup to go back to";
        return $"{d.Database}: {made}, {gap}, {PolicyReading.Count(d.Drills.Count, "drill")}, {PolicyReading.Count(d.Incidents.Count, "incident")}";
    }
}

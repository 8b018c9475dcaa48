using Backup.Core.Model;

namespace Backup.Core.Policies;

/// <summary>Turns one item of <c>databases</c> into its record.</summary>
internal static class DatabaseBuilder
{
    private const int MostJobs = 32;
    private const int StandardJobs = 2;
    private const long StandardShard = 32L << 20;
    private const long SmallestShard = 1L << 20;

    /// <param name="map">The item.</param>
    /// <param name="folder">Where relative paths start; null: files are not looked at.</param>
    public static DatabasePolicy Build(PolicyMap map, string? folder)
    {
        var excluded = ExcludedSchemas(map);
        var database = new DatabasePolicy
        {
            Name = map.Required("name", Forms.Name, ""),
            Provider = map.Or("provider", Forms.Word<Provider>(), Provider.Postgres),
            UrlVariable = map.Optional("url", Forms.ReferenceAs("DATABASE_URL")),
            Secret = map.Optional("secret", Forms.SecretName),
            Protected = map.Or("protected", Forms.Flag, false),
            Schedule = map.Optional("schedule", Forms.Schedule),
            Jobs = map.Or("jobs", Forms.Whole(1, MostJobs), StandardJobs),
            ShardAbove = map.Or("shardAbove", Forms.Size, StandardShard),
            Runner = map.Or("runner", Forms.Word<Runner>(), Runner.Auto),
            ExcludeSchemas = excluded,
            Fingerprint = map.Or("fingerprint", Forms.Word<FingerprintMode>(), FingerprintMode.Full),
            CriticalTables = CriticalTables(map, excluded),
            Checks = Checks(map),
            AfterRestore = AfterRestore(map, folder),
        };

        if (map.Has("url") && map.Has("secret"))
            map.Contradiction("secret", "stands beside url, and only one can say where the database is", "remove one of the two");
        else if (!map.Has("url") && !map.Has("secret"))
            map.Missing("url", "write \"${DATABASE_URL}\", or secret: with a Secrets Manager name");
        if (database.ShardAbove < SmallestShard)
            map.BadValue("shardAbove", $"{database.ShardAbove} bytes would cut every table into chunks", "write at least 1MiB");
        if (database.Fingerprint == FingerprintMode.Critical && !map.Has("criticalTables"))
            map.Contradiction("fingerprint", "is critical, and there are no criticalTables", "name criticalTables, or write fingerprint: full");
        map.Finish();
        return database;
    }

    private static string? AfterRestore(PolicyMap map, string? folder)
    {
        var written = map.Optional("afterRestore", Forms.Text);
        if (written is null || folder is null) return written;
        var file = Path.GetFullPath(written, folder);
        if (SqlFile.Problem(file) is { } problem)
            map.Problems.Add("policy.sqlFile", map.PathOf("afterRestore"), map.LineOf("afterRestore"), $"{ProblemList.Show(written)} {problem}",
                "write the path, from the policy's folder, of a file with SQL statements", preventsUse: false);
        return file;
    }

    private static IReadOnlyList<string> ExcludedSchemas(PolicyMap map)
    {
        if (map.Map("schemas") is not { } schemas) return [];
        var excluded = schemas.List("exclude", Forms.Text);
        schemas.Finish();
        return excluded;
    }

    private static List<CriticalTable> CriticalTables(PolicyMap map, IReadOnlyList<string> excluded)
    {
        var tables = new List<CriticalTable>();
        foreach (var item in map.Maps("criticalTables"))
        {
            var table = new CriticalTable(
                item.Required("table", Forms.Table, ""),
                item.Optional("key", Forms.Text),
                item.Optional("watermark", Forms.Text),
                item.Required("every", Forms.Duration, default),
                item.Or("mode", Forms.Word<IncrementMode>(), IncrementMode.Changes));
            if (table.Table.Length > 0 && tables.Exists(t => t.Table == table.Table))
                item.Problems.Add("policy.duplicateName", item.PathOf("table"), item.LineOf("table"),
                    $"{ProblemList.Show(table.Table)} is in the list already", "remove one of the two");
            var schema = table.Table[..Math.Max(0, table.Table.IndexOf('.', StringComparison.Ordinal))];
            if (excluded.Contains(schema))
                item.Contradiction("table", $"{ProblemList.Show(table.Table)} is in a schema that schemas.exclude leaves out", "remove one of the two");
            tables.Add(table);
            item.Finish();
        }

        return tables;
    }

    private static List<DataCheck> Checks(PolicyMap map)
    {
        var checks = new List<DataCheck>();
        foreach (var item in map.Maps("checks"))
        {
            var check = new DataCheck
            {
                Name = item.Required("name", Forms.Text, ""),
                Sql = item.Required("sql", Forms.Text, ""),
                Min = item.Optional("min", Forms.Number),
                Max = item.Optional("max", Forms.Number),
                EqualTo = item.Optional("equals", Forms.Text),
                MaxAge = item.Optional("maxAge", Forms.Duration),
            };
            if (check.Name.Length > 0 && checks.Exists(c => c.Name == check.Name))
                item.Problems.Add("policy.duplicateName", item.PathOf("name"), item.LineOf("name"),
                    $"{ProblemList.Show(check.Name)} is the name of another check", "give each check its own name");
            Expectation(item, check);
            checks.Add(check);
            item.Finish();
        }

        return checks;
    }

    private static void Expectation(PolicyMap item, DataCheck check)
    {
        string[] kinds = [item.Has("min") || item.Has("max") ? "min/max" : "", item.Has("equals") ? "equals" : "", item.Has("maxAge") ? "maxAge" : ""];
        kinds = [.. kinds.Where(k => k.Length > 0)];
        if (kinds.Length == 0)
            item.Missing("min", "write min, max, equals or maxAge: a check that expects nothing always passes");
        if (kinds.Length > 1)
            item.Contradiction("sql", $"its one value cannot be judged by {Forms.OneOf(kinds).Replace(" or ", " and ", StringComparison.Ordinal)}", "write one check for each");
        if (check.Min > check.Max)
            item.Contradiction("min", "is above max, so the check can never pass", "write a min that is at most max");
    }
}

using Backup.Core.Model;
using Backup.Core.Policies;

namespace Backup.Infra.Compile;

/// <summary>One Lambda function of the one image.</summary>
public sealed record FunctionSpec
{
    public required string Name { get; init; }

    /// <summary>One of <see cref="FunctionContract.Verbs"/>.</summary>
    public required string Verb { get; init; }

    /// <summary>The one database that it serves, or null.</summary>
    public string? Database { get; init; }

    /// <summary>Below the stack's name.</summary>
    public required string Role { get; init; }
    public required int Megabytes { get; init; }
    public int Seconds { get; init; } = Sizing.LambdaSeconds;

    /// <summary>Family of the task that it may hand a run over to.</summary>
    public string? Task { get; init; }
}

/// <summary>One Fargate task definition.</summary>
public sealed record TaskSpec
{
    public required string Family { get; init; }
    public required string Verb { get; init; }
    public required string Database { get; init; }
    public required string Role { get; init; }
    public required string Cpu { get; init; }
    public required string Memory { get; init; }

    /// <summary>Null: Fargate's 20 GiB.</summary>
    public int? DiskGibibytes { get; init; }
}

/// <summary>
/// Which functions and tasks a policy needs. A function has one role, and writers and readers are apart and per database: so Dump, Incremental and Verify
/// exist once per database. They cost nothing while they do not run.
/// </summary>
public static class FunctionCompiler
{
    public static IReadOnlyList<FunctionSpec> Functions(Names names, Policy policy, bool rotation)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(policy);
        var functions = new List<FunctionSpec>();
        var fargate = Sizing.NeedsFargate(policy);
        foreach (var database in policy.Databases)
        {
            var task = database.Runner == Runner.Lambda ? null : names.Task("dump", database.Name);
            functions.Add(One(names, FunctionContract.Dump, "dump", database, "writer", Sizing.DumpMegabytes(database.Jobs), task));
            if (database.CriticalTables.Count > 0)
                functions.Add(One(names, FunctionContract.Incremental, "incremental", database, "writer", Sizing.DumpMegabytes(1), task));
            functions.Add(One(names, FunctionContract.Verify, "verify", database, "drill", Sizing.DumpMegabytes(1), fargate ? names.Task("drill", database.Name) : null));
        }

        functions.Add(Shared(names, FunctionContract.Watch, "watch", "watch"));
        functions.Add(Shared(names, FunctionContract.Prune, "prune", "pruner"));
        if (rotation) functions.Add(Shared(names, FunctionContract.RotateSecret, "rotate-secret", "rotation"));
        return functions;
    }

    public static IReadOnlyList<TaskSpec> Tasks(Names names, Policy policy)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(policy);
        if (!Sizing.NeedsFargate(policy)) return [];
        return [.. policy.Databases.SelectMany(d => TasksOf(names, d))];
    }

    private static IEnumerable<TaskSpec> TasksOf(Names names, DatabasePolicy database)
    {
        var (cpu, memory) = Sizing.Task(database.Jobs);
        if (database.Runner != Runner.Lambda)
        {
            yield return new TaskSpec
            {
                Family = names.Task("dump", database.Name),
                Verb = FunctionContract.Dump,
                Database = database.Name,
                Role = $"writer-{Names.Database(database.Name)}",
                Cpu = cpu,
                Memory = memory,
            };
        }

        yield return new TaskSpec
        {
            Family = names.Task("drill", database.Name),
            Verb = FunctionContract.Verify,
            Database = database.Name,
            Role = $"drill-{Names.Database(database.Name)}",
            Cpu = cpu,
            Memory = memory,
            DiskGibibytes = Sizing.DrillGibibytes,
        };
    }

    private static FunctionSpec One(Names names, string verb, string word, DatabasePolicy database, string role, int megabytes, string? task) => new()
    {
        Name = names.Function(word, database.Name),
        Verb = verb,
        Database = database.Name,
        Role = $"{role}-{Names.Database(database.Name)}",
        Megabytes = megabytes,
        Task = task,
    };

    private static FunctionSpec Shared(Names names, string verb, string word, string role) => new()
    {
        Name = names.Function(word, null),
        Verb = verb,
        Role = role,
        Megabytes = Sizing.LightMegabytes,
    };
}

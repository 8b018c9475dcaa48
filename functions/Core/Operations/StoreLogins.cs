using Backup.Core.Model;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

/// <summary>
/// Puts database logins into Secrets Manager, whose values no deployment owns. With two logins the second one is stored first: it becomes the previous version,
/// which is where rotation finds the role that it changes next.
/// </summary>
public sealed class StoreLogins(AwsCall aws)
{
    private const string Example = "the URL of the role, and on a second line the URL of its _clone: postgres://backup:…@host/db?sslmode=verify-full";

    /// <param name="secret">Name or ARN. The secret must exist.</param>
    /// <param name="logins">URLs or JSON documents: one, or the role's and its clone's.</param>
    /// <param name="previous">One login, which becomes AWSPREVIOUS; the current one stays.</param>
    /// <param name="check">Log in with each and read what a dump reads, before anything is stored.</param>
    /// <param name="cancel">Between two calls.</param>
    /// <returns>The users, in the order of the stages AWSCURRENT, AWSPREVIOUS.</returns>
    public async Task<IReadOnlyList<string>> ExecuteAsync(string secret, IReadOnlyList<string> logins, bool previous, bool check, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(logins);
        if (logins.Count is 0 or > 2 || (previous && logins.Count != 1))
            throw new BackupException(ErrorCode.UsageWrong, $"{logins.Count} logins were given", previous ? "Give one login on standard input." : $"Give on standard input {Example}.");
        var targets = logins.Select((l, i) => SecretText.Parse(l, $"login {i + 1}")).ToList();
        if (targets.Count == 2 && (targets[1].User != BackupRoles.Other(targets[0]) || targets[1].ToString() != targets[0].ToString()))
        {
            throw new BackupException(ErrorCode.UsageWrong, $"the second login is {targets[1].User} at {targets[1]}, the first one {targets[0].User} at {targets[0]}",
                $"Give two logins of one database; rotation takes turns between a role and its clone, so the second one must be {BackupRoles.Other(targets[0])}.");
        }

        if (check) foreach (var target in targets) await LoginCheck.RunAsync(target, [], cancel);
        // The newest value becomes current and pushes the one before it to previous: the clone goes first.
        foreach (var login in logins.Reverse()) await SecretValue.PutAsync(aws, secret, login, previous ? "AWSPREVIOUS" : "AWSCURRENT", cancel);
        return [.. targets.Select(t => t.User)];
    }
}
